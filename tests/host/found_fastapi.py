"""An ordinary FastAPI app: everything that most apps do, done well."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    UploadFile,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse
from pydantic import BaseModel


class Tea(BaseModel):
    name: str
    price: float = 1.0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.teas = {1: Tea(name="green")}
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://page.example"],
    allow_methods=["*"],
    allow_headers=["*"],
)


def connection() -> Iterator[str]:
    yield "a connection"


async def user(authorization: Annotated[str, Header()] = "") -> str:
    if authorization == "wrong":
        raise HTTPException(401, "who are you?")
    return "somebody"


User = Annotated[str, Depends(user)]
Connection = Annotated[str, Depends(connection)]
teas = APIRouter(prefix="/teas", tags=["teas"])


@teas.get("/")
async def all_teas(limit: Annotated[int, Query(ge=1)] = 10) -> list[Tea]:
    return [*app.state.teas.values()][:limit]


@teas.get("/newest")
def newest(open_one: Connection) -> Tea:
    tea: Tea = app.state.teas[1]
    return tea


@teas.get("/{number}")
async def tea(number: int, who: User, open_one: Connection) -> Tea:
    if number not in app.state.teas:
        raise HTTPException(404, "no such tea")
    found: Tea = app.state.teas[number]
    return found


@teas.post("/", status_code=201)
async def add(one: Tea, who: User, tasks: BackgroundTasks) -> Tea:
    tasks.add_task(asyncio.sleep, 0.02)
    tasks.add_task(print, "added")
    return one


@app.post("/form")
async def form(name: Annotated[str, Form()]) -> str:
    return name


@app.post("/upload")
async def upload(file: Annotated[UploadFile, File()]) -> int:
    return len(await file.read())


@app.get("/sync")
def sync(who: User) -> dict[str, str]:
    return {"who": who}


async def numbers() -> AsyncIterator[str]:
    for number in range(3):
        yield str(number)


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(numbers())


app.include_router(teas)
