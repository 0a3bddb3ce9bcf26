"""The source files of the services as the first import brought them."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import SERVICES

__all__ = ["NAMES", "folder_of", "initial_files", "main_py", "migration", "settings_py"]

NAMES = tuple(work.name.removesuffix("-service") for work in SERVICES)
"""Folders under services/."""
_MIGRATED = NAMES[::2]
"""Services that keep migrations in the repository."""

_DOCKERFILE = """\
FROM docker.io/library/python:3.12-slim
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
COPY {folder}/requirements.txt .
RUN pip install -r requirements.txt
COPY shared/bakery_shared bakery_shared
COPY {folder}/app app
{migrations}USER 1000
EXPOSE 8000
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]
"""
_FRONTEND_DOCKERFILE = """\
FROM docker.io/library/node:22-alpine AS build
WORKDIR /src
COPY frontend/package.json .
RUN npm install --no-audit --no-fund
COPY frontend/ .
RUN npm run build

FROM docker.io/library/nginx:1.27-alpine
COPY --from=build /src/dist /usr/share/nginx/html
EXPOSE 3000
"""
_REQUIREMENTS = """\
fastapi==0.115.6
uvicorn[standard]==0.34.0
sqlalchemy[asyncio]==2.0.36
asyncpg==0.30.0
aio-pika==9.5.4
redis==5.2.1
"""
_HEAVY = {"training": "numpy==2.2.1\nprophet==1.1.6\n", "forecasting": "numpy==2.2.1\nprophet==1.1.6\n",
          "ai-insights": "numpy==2.2.1\n"}  # fmt: skip
_MAIN = '''\
"""{title}: the service's way in."""

from __future__ import annotations

import logging
import os

from fastapi import FastAPI

from app.core.settings import load_settings
from app.routes import router
from bakery_shared.health import health_router
from bakery_shared.logging import configure_logging

log = logging.getLogger("{name}")

configure_logging(service="{name}")


# Read before anything else: a service without its settings must not take traffic.


settings = load_settings(os.environ)

app = FastAPI(title="{title}", version="1.0.0")
app.include_router(health_router)
app.include_router(router)


@app.on_event("startup")
async def announce() -> None:
    """Say that the service is up."""
    log.info("started", extra={{"database": settings.database_host}})
'''
_SETTINGS = '''\
"""Settings of the service, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Settings:
    """What the service is told from outside."""

    service: str
    database_url: str
    redis_host: str
    redis_port: int
    rabbitmq_host: str
    timezone: str
    log_level: str
    page_size: int = {page_size}
    timeout_seconds: float = {timeout}
    environment: str = "production"
    currency: str = "EUR"
{fields}
    @property
    def database_host(self) -> str:
        """The host of the database, for logs: never the whole URL."""
        return urlsplit(self.database_url).hostname or ""


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; KeyError names what is missing."""
    return Settings(
        service=environ.get("SERVICE_NAME", "{name}-service"),
        database_url=environ["DATABASE_URL"],
        redis_host=environ.get("REDIS_HOST", "redis"),
        redis_port=int(environ.get("REDIS_PORT", "6379")),
        rabbitmq_host=environ.get("RABBITMQ_HOST", "rabbitmq"),
{reads}        timezone=environ.get("TIMEZONE", "Europe/Madrid"),
        log_level=environ.get("LOG_LEVEL", "INFO"),
    )
'''
_ROUTES = '''\
"""Routes of the service."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1/{name}", tags=["{name}"])


@router.get("/ping")
async def ping() -> dict[str, str]:
    """Answer, so that the gateway knows the way."""
    return {{"service": "{name}"}}
'''
_TEST = '''\
"""The service reads its settings."""

from app.core.settings import load_settings

ENVIRON = {{"DATABASE_URL": "postgresql+asyncpg://u:p@{name}-db:5432/x"}}


def test_host_of_the_database() -> None:
    assert load_settings(ENVIRON).database_host == "{name}-db"
'''
_MIGRATION = '''\
"""{title}."""

from alembic import op

revision = "{number:04d}"
down_revision = {down}


def upgrade() -> None:
    """Go forward."""
    op.execute("{up}")


def downgrade() -> None:
    """Go back."""
    op.execute("{back}")
'''
_HEALTH = '''\
"""Health endpoints."""

from fastapi import APIRouter

health_router = APIRouter(prefix="/health")


@health_router.get("/live")
async def live() -> dict[str, bool]:
    """Say that the process lives."""
    return {"live": True}


@health_router.get("/ready")
async def ready() -> dict[str, bool]:
    """Say that traffic may come."""
    return {"ready": True}
'''
_LOGGING = '''\
"""Logs as JSON lines."""

import logging


def configure_logging(service: str) -> None:
    """Write one JSON object a line, with the service's name in it."""
    logging.basicConfig(level="INFO", format='{"service": "' + service + '", "msg": "%(message)s"}')
'''
_SHARED = {
    "__init__.py": '"""Code that every service carries."""\n',
    "health.py": _HEALTH,
    "logging.py": _LOGGING,
}


def folder_of(service: str) -> str:
    """Return the folder of a service, without a slash at the end."""
    return service if service in ("gateway", "frontend") else f"services/{service}"


def _title(service: str) -> str:
    return service.replace("-", " ").capitalize()


def main_py(service: str) -> str:
    """Return app/main.py of a service."""
    return _MAIN.format(name=service, title=_title(service))


def settings_py(
    service: str, *, page_size: int = 50, timeout: float = 10.0, fields: str = "", reads: str = ""
) -> str:
    """Return app/core/settings.py of a service; `fields` and `reads` are further lines."""
    return _SETTINGS.format(name=service, page_size=page_size, timeout=timeout, fields=fields, reads=reads)


def migration(service: str, number: int, title: str, table: str, column: str) -> tuple[str, str]:
    """Return (path, content) of a migration that adds a column, or the table with number 1."""
    down = f'"{number - 1:04d}"' if number > 1 else "None"
    if number == 1:
        up, back = f"CREATE TABLE {table} (id BIGSERIAL PRIMARY KEY)", f"DROP TABLE {table}"
    else:
        up = f"ALTER TABLE {table} ADD COLUMN {column} TEXT"
        back = f"ALTER TABLE {table} DROP COLUMN {column}"
    content = _MIGRATION.format(title=title, number=number, down=down, up=up, back=back)
    slug = title.lower().replace(" ", "_")
    return f"{folder_of(service)}/migrations/versions/{number:04d}_{slug}.py", content


def _service_files(service: str) -> dict[str, str]:
    folder = folder_of(service)
    migrated = service in _MIGRATED
    migrations = f"COPY {folder}/migrations migrations\n" if migrated else ""
    files = {
        "Dockerfile": _DOCKERFILE.format(folder=folder, migrations=migrations),
        "README.md": f"# {_title(service)}\n\nSee docs/ for how the services talk to each other.\n",
        "requirements.txt": _REQUIREMENTS + _HEAVY.get(service, ""),
        "app/__init__.py": f'"""{_title(service)}."""\n',
        "app/main.py": main_py(service),
        "app/core/__init__.py": '"""What does not know HTTP."""\n',
        "app/core/settings.py": settings_py(service),
        "app/routes.py": _ROUTES.format(name=service),
        "tests/test_settings.py": _TEST.format(name=service),
    }
    found = {f"{folder}/{path}": content for path, content in files.items()}
    if migrated:
        path, content = migration(service, 1, "initial", service.replace("-", "_"), "")
        found[path] = content
    return found


def initial_files() -> dict[str, bytes]:
    """Return all source files of the first commit by path, without manifests."""
    found: dict[str, str] = {
        ".gitignore": "__pycache__/\n*.pyc\n.venv/\nnode_modules/\ndist/\n",
        "README.md": "# Bakery-IA\n\nOne repository for all services, the frontend and what runs them.\n",
        "docs/architecture.md": "# Architecture\n\n19 services behind a gateway, RabbitMQ between.\n",
        "docs/forecasting.md": "# Forecasting\n\nDemand is forecast for each product, shop and day.\n",
        "docs/runbook.md": "# Runbook\n\nLook at the builds, then at Flux, then at the pods.\n",
        "frontend/Dockerfile": _FRONTEND_DOCKERFILE,
        "frontend/package.json": '{\n  "name": "bakery-frontend",\n  "private": true,\n  "version": "1.0.0",\n'
        '  "scripts": {"build": "vite build"},\n  "dependencies": {"react": "19.0.0", "vite": "6.0.7"}\n}\n',
        "frontend/src/main.tsx": 'import { App } from "./App";\n\nApp.mount("#root");\n',
        "frontend/src/App.tsx": "export const App = { mount: (where: string) => console.log(where) };\n",
        "gateway/Dockerfile": _DOCKERFILE.format(folder="gateway", migrations=""),
    }
    for path, content in _SHARED.items():
        found[f"shared/bakery_shared/{path}"] = content
    for service in (*NAMES, "gateway"):
        found |= {path: text for path, text in _service_files(service).items() if path not in found}
    return {path: text.encode() for path, text in sorted(found.items())}
