"""A tiny application that shows the samples, as the browser and the renderer's tests ask for them."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from portal import assets
from portal.languages import language_of
from portal.rendering import Site, render
from tests.portal.samples import build


def show(name: str, request: Request) -> Response:
    template, view = build(name, language_of(request))
    return render(request, template, view)


def make_app() -> FastAPI:
    app = FastAPI()
    app.state.site = Site(test_mode=True, help_phone="1148")
    app.include_router(assets.router)
    app.add_api_route("/show/{name}", show, response_model=None)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    return app
