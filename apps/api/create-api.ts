import { ModulesContainer, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DoorsAdapter, type RequestLog, requireDeclaredRoutes } from '#http';
import type { Config } from '#kernel';
import type { Platform } from '../platform.module.ts';
import { ApiModule } from './api.module.ts';
import { registerPages } from './pages.ts';

/** The API on an open platform, ready to listen. @throws Error for a route without a permission: such a process does not start. */
export async function createApi(platform: Platform, config: Config, log: RequestLog): Promise<NestFastifyApplication> {
  const adapter = new DoorsAdapter({ trustedProxies: config.TRUSTED_PROXIES, log });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.on(platform, log), adapter, {
    bodyParser: false, // ours keeps the bytes until the caller is known
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  requireDeclaredRoutes(app.get(ModulesContainer));
  registerPages(adapter.getInstance());
  await app.init();
  return app;
}
