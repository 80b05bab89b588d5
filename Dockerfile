# syntax=docker/dockerfile:1.28
# One image for each process, and one that migrates the databases:
#   docker build --target gateway --tag taskgraph-gateway .        (auth, task, media, migrate)
# `npm run images` does these steps without a container engine and runs what comes of them.
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-trixie-slim AS build
WORKDIR /src
# Dependencies change less often than code: their layer depends on the manifests alone.
COPY package.json package-lock.json .npmrc ./
COPY --parents packages/*/package.json subgraphs/*/package.json \
      gateway/package.json embedded/package.json operator/package.json e2e/package.json deployment/package.json \
      examples/*/package.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npx turbo run build --filter=@taskgraph/gateway --filter=@taskgraph/auth --filter=@taskgraph/task \
      --filter=@taskgraph/media --filter=@taskgraph/databases --output-logs=errors-only \
    && node scripts/image-tree.mjs gateway auth task media databases

# What each image holds: its dependencies by the lock file, then code that is built, and nothing of development.
FROM node:${NODE_VERSION}-trixie-slim AS gateway-app
WORKDIR /app
COPY --from=build /src/.images/gateway/manifests ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY --from=build /src/.images/gateway/files ./

FROM node:${NODE_VERSION}-trixie-slim AS auth-app
WORKDIR /app
COPY --from=build /src/.images/auth/manifests ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY --from=build /src/.images/auth/files ./

FROM node:${NODE_VERSION}-trixie-slim AS task-app
WORKDIR /app
COPY --from=build /src/.images/task/manifests ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY --from=build /src/.images/task/files ./

FROM node:${NODE_VERSION}-trixie-slim AS media-app
WORKDIR /app
COPY --from=build /src/.images/media/manifests ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY --from=build /src/.images/media/files ./

# What is optional is the embedded PostgreSQL, which is for machines without one.
FROM node:${NODE_VERSION}-trixie-slim AS migrate-app
WORKDIR /app
COPY --from=build /src/.images/databases/manifests ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY --from=build /src/.images/databases/files ./

# Files belong to root and processes run as somebody else, so the root file system can be mounted read-only: what is
# written goes to /tmp and, at media, to /data. What is for operators has a port of its own.
FROM node:${NODE_VERSION}-trixie-slim AS runtime
ENV NODE_ENV=production HOST=0.0.0.0 OPERATIONS_HOST=0.0.0.0
# A process that never needs npm is safer without it.
WORKDIR /usr/local
RUN rm -rf lib/node_modules bin/npm bin/npx bin/corepack bin/yarn bin/yarnpkg
WORKDIR /opt
RUN rm -rf yarn-*
WORKDIR /app
USER 1000:1000

FROM runtime AS migrate
COPY --from=migrate-app /app ./
ENTRYPOINT ["node", "--enable-source-maps", "packages/databases/dist/cli.js"]
CMD ["all", "up"]

# glibc keeps the memory that the start of a subgraph needed, and images of media, unless it is told not to (MALLOC_*).
FROM runtime AS auth
ENV AUTH_PORT=3001 AUTH_OPERATIONS_PORT=3101 \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=auth-app /app ./
EXPOSE 3001 3101
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.AUTH_PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "subgraphs/auth/dist/main.js"]

FROM runtime AS task
ENV TASK_PORT=3002 TASK_OPERATIONS_PORT=3102 \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=task-app /app ./
EXPOSE 3002 3102
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.TASK_PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "subgraphs/task/dist/main.js"]

FROM runtime AS media
ENV MEDIA_PORT=3003 MEDIA_OPERATIONS_PORT=3103 TASKGRAPH_DATA_DIR=/data \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=131072
USER 0:0
WORKDIR /data
RUN chown 1000:1000 .
WORKDIR /app
USER 1000:1000
COPY --from=media-app /app ./
VOLUME /data
EXPOSE 3003 3103
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MEDIA_PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "subgraphs/media/dist/main.js"]

# A request leaves nothing behind but garbage: a large young generation collects it in passing.
FROM runtime AS gateway
ENV GATEWAY_PORT=3000 GATEWAY_OPERATIONS_PORT=3100
COPY --from=gateway-app /app ./
EXPOSE 3000 3100
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GATEWAY_PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "--max-semi-space-size=64", "--no-allocation-site-pretenuring", "gateway/dist/main.js"]

# For the profile `observability` of docker-compose.yml: what is configured comes with the image, and no file is mounted.
FROM prom/prometheus:v3.5.0 AS prometheus
COPY observability/prometheus/prometheus.yml /etc/prometheus/
COPY observability/prometheus/rules/ /etc/prometheus/rules/

FROM grafana/grafana:12.2.0 AS grafana
COPY observability/grafana/provisioning/ /etc/grafana/provisioning/
COPY observability/grafana/dashboards/ /etc/grafana/dashboards/
