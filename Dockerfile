# The image of all processes. BASE is a Debian with Python 3.11 or newer; it can be one of your own, where nothing can be pulled.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /source
COPY requirements/build.txt requirements/runtime.txt requirements/
COPY scripts/image_tree.py scripts/
# The packages change seldom, our own code often: each is a layer of its own.
RUN python3 -m venv /build \
    && /build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/build.txt \
    && /build/bin/python scripts/image_tree.py packages /packages
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY webhooks webhooks
COPY lua lua
COPY crds crds
COPY tools tools
COPY examples examples
RUN /build/bin/python scripts/image_tree.py application /application

FROM ${BASE}
ARG VERSION=0.1.0.dev0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Seatwarden" \
      org.opencontainers.image.description="Floating software licences as Kubernetes resources" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /packages /
COPY --from=build /application /
ENV PATH=/opt/seatwarden/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["seatwarden"]
