# One image per deployable: docker build --target sales .
FROM python:3.11-slim AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/rapport
WORKDIR /src
COPY requirements.lock ./
# Test tools are locked too, but have no place in an image.
RUN /opt/rapport/bin/pip install --require-hashes -r requirements.lock \
 && /opt/rapport/bin/pip uninstall -y mypy mypy-extensions ruff pytest coverage import-linter grimp rich
COPY pyproject.toml setup.cfg README.md ./
COPY chassis chassis
COPY gateway_flask gateway_flask
COPY stack stack
COPY svc_auth svc_auth
COPY svc_customer svc_customer
COPY svc_sales svc_sales
COPY svc_analytics svc_analytics
COPY svc_notify svc_notify
COPY rabbitmq rabbitmq
RUN /opt/rapport/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim AS runtime
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rapport
COPY --from=builder /opt/rapport /opt/rapport
ENV PATH=/opt/rapport/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAPPORT_SECRETS_DIR=/run/rapport
WORKDIR /app
USER 10001

FROM runtime AS service
ENV HEALTH_ADDRESS=0.0.0.0:8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=2)"]

# Each service image knows one service; the role is the command: rpc or events.
FROM service AS auth
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_auth"]
CMD ["rpc"]

FROM service AS customer
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_customer"]
CMD ["rpc"]

FROM service AS sales
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_sales"]
CMD ["rpc"]

FROM service AS analytics
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_analytics"]
CMD ["rpc"]

FROM service AS notify
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_notify"]
CMD ["rpc"]

FROM runtime AS gateway
COPY gateway_flask/gunicorn.conf.py /app/gunicorn.conf.py
ENV GATEWAY_BIND=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["python", "-m", "gunicorn", "-c", "/app/gunicorn.conf.py", "gateway_flask.app:create_app()"]

# The init jobs and the mail catcher of compose.yaml.
FROM runtime AS stack
COPY rabbitmq /app/rabbitmq
