# The image that helm/ runs: Python, the locked libraries and Fondaco, as a user without a name or anything to write to.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/fondaco
COPY requirements.run.lock ./
RUN /opt/fondaco/bin/pip install --no-cache-dir --require-hashes -r requirements.run.lock
COPY pyproject.toml README.md ./
COPY platform platform
COPY tenants tenants
COPY workers workers
RUN /opt/fondaco/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim-bookworm
COPY --from=build /opt/fondaco /opt/fondaco
ENV PATH=/opt/fondaco/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "fondaco_api"]
