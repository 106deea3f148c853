# One image, several processes: the command says which (docker-compose.yml). Node's current LTS on Debian.
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json nest-cli.json ./
COPY scripts scripts
COPY bin bin
COPY apps apps
COPY libs libs
COPY migrations migrations
COPY test test
COPY models models
COPY assets assets
COPY openapi.json ./
# The same script as in CI: packages, build, packages without development tools, proof that it starts. No install script runs (.npmrc).
RUN node scripts/release.mjs

FROM node:${NODE_VERSION}-bookworm-slim
# Debian's ffmpeg (a maintained decoder) and bubblewrap (the sandbox that untrusted media meets).
RUN apt-get update \
  && apt-get install -y --no-install-recommends ffmpeg bubblewrap \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app /app
# Keys, the head of the log and scratch. Mount a volume here, and a tmpfs on /var/lib/assent/scratch.
RUN install -d -o node -g node -m 0700 /var/lib/assent
ENV NODE_ENV=production \
    ASSENT_HOME=/var/lib/assent \
    HOST=0.0.0.0 \
    PORT=7700
USER node
EXPOSE 7700
CMD ["node", "--enable-source-maps", "dist/apps/api/main.js"]
