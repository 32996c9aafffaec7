# One image per deployable: docker build --target sales .
# No syntax line, heredoc or COPY --link: Docker 20.10 builds it, too.
FROM python:3.11-slim AS wheels
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock ./
# The lock names the test tools, too. They stay in this stage: the stages below
# take from these wheels, whose hashes were checked, what their extra needs.
RUN pip wheel --require-hashes --wheel-dir /wheels -r requirements.lock
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-index --find-links /wheels "setuptools==80.*"
COPY pyproject.toml setup.cfg README.md ./
COPY chassis chassis
COPY gateway_flask gateway_flask
COPY stack stack
COPY svc_auth svc_auth
COPY svc_customer svc_customer
COPY svc_sales svc_sales
COPY svc_analytics svc_analytics
COPY svc_notify svc_notify
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# Environments without pip: nothing can be added to a running container.
FROM wheels AS service-packages
RUN python -m venv --without-pip /opt/rapport \
 && pip --python /opt/rapport/bin/python install --no-index --find-links /wheels "rapport[service]"

FROM wheels AS auth-packages
RUN python -m venv --without-pip /opt/rapport \
 && pip --python /opt/rapport/bin/python install --no-index --find-links /wheels "rapport[auth]"

FROM wheels AS customer-packages
RUN python -m venv --without-pip /opt/rapport \
 && pip --python /opt/rapport/bin/python install --no-index --find-links /wheels "rapport[customer]"

FROM wheels AS gateway-packages
RUN python -m venv --without-pip /opt/rapport \
 && pip --python /opt/rapport/bin/python install --no-index --find-links /wheels "rapport[gateway]"

FROM wheels AS stack-packages
RUN python -m venv --without-pip /opt/rapport \
 && pip --python /opt/rapport/bin/python install --no-index --find-links /wheels "rapport[stack]"

FROM python:3.11-slim AS runtime
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rapport
ENV PATH=/opt/rapport/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAPPORT_SECRETS_DIR=/run/rapport
WORKDIR /app

FROM runtime AS service-base
ENV HEALTH_ADDRESS=0.0.0.0:8080
# By bash: starting Python for it every five seconds costs thirty times as much, and
# takes too long on a busy machine.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 2 status <&3 && [[ $status == *' 200 '* ]]"]
USER 10001

# Each service image runs one service; the role is the command: rpc or events.
FROM service-base AS auth
COPY --from=auth-packages /opt/rapport /opt/rapport
ENTRYPOINT ["python", "-m", "chassis.launcher", "svc_auth"]
CMD ["rpc"]

FROM service-base AS service
COPY --from=service-packages /opt/rapport /opt/rapport

FROM service-base AS customer
COPY --from=customer-packages /opt/rapport /opt/rapport
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
COPY --from=gateway-packages /opt/rapport /opt/rapport
COPY gateway_flask/gunicorn.conf.py /app/gunicorn.conf.py
ENV GATEWAY_BIND=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 2 status <&3 && [[ $status == *' 200 '* ]]"]
USER 10001
CMD ["python", "-m", "gunicorn", "-c", "/app/gunicorn.conf.py", "gateway_flask.app:create_app()"]

# The init jobs and the mail catcher of compose.yaml.
FROM runtime AS stack
# A new volume takes its owner from the image's directory.
RUN install -d -o 10001 -g 10001 /mailbox
COPY --from=stack-packages /opt/rapport /opt/rapport
COPY rabbitmq /app/rabbitmq
USER 10001
