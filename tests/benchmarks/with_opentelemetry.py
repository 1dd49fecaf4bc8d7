"""The apps that are timed, traced by OpenTelemetry into nothing.

As its documentation sets it up: the instrumentation of Starlette, which is
that of ASGI with the routes' names, spans batched, and an exporter that
throws them away.
"""

from collections.abc import Sequence

from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from twenty_routes import app, based


class Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Nowhere()))
for each in (app, based):
    StarletteInstrumentor.instrument_app(each, tracer_provider=provider)
