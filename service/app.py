"""The web application: callbacks, pages, health, and what people and machines read when it fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from migrations.upgrade import newest_version
from payments.callbacks.endpoint import callbacks_router
from portal import routes
from portal.rendering import Site
from portal.routes.problems import answer_problems
from service.settings import Settings
from service.wiring import till

# Forms and callbacks are small; the one route that takes files names its own limit.
MOST_BODY_BYTES = 1024**2


def create_app(settings: Settings) -> FastAPI:
    """Everything the web process serves."""
    taking = till(settings, name="mizon web", pool_size=20)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        taking.database.close()

    app = FastAPI(title="Mizon", openapi_url=None, lifespan=lifespan, max_body_size=MOST_BODY_BYTES)
    app.state.till = taking
    app.state.provider_origins = _provider_origins(settings)
    app.state.secure_cookie = settings.base_url.startswith("https:")
    app.state.site = Site(test_mode=settings.test_mode)
    app.add_middleware(GZipMiddleware, minimum_size=600)
    app.include_router(callbacks_router(taking))
    app.include_router(routes.router)
    answer_problems(app)

    @app.get("/healthz", include_in_schema=False)
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def ready() -> JSONResponse:
        """The database answers, and has the version this code expects."""
        try:
            with taking.database.transaction() as session:
                version = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except SQLAlchemyError:
            return JSONResponse({"status": "database away"}, status_code=503)
        if version != newest_version():
            return JSONResponse({"status": "migration needed", "version": version}, status_code=503)
        return JSONResponse({"status": "ok", "version": version})

    return app


def _provider_origins(settings: Settings) -> tuple[str, ...]:
    """Where our forms may lead: a browser checks the redirect of a posted form too."""
    if settings.sandbox_url:
        return (settings.sandbox_url,)
    return ("https://checkout.stripe.com", "https://checkout.paycom.uz")
