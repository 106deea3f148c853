import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, ModulesContainer } from '@nestjs/core';
import { ApiKeys, Authenticator, Idempotency, Links } from '#access';
import { Db } from '#db';
import { CallInterceptor } from './call.interceptor.ts';
import { PermissionGuard } from './permission.guard.ts';
import { ProblemFilter } from './problem.filter.ts';
import type { RequestLog as Log } from './request-log.ts';
import { RequestLog } from './request-log.ts';
import { ROUTE_SPEC } from './route.ts';

/** Guard, input, idempotency and problems before every controller of the process. */
@Module({})
export class HttpModule {
  static with(log: Log): DynamicModule {
    return {
      module: HttpModule,
      global: true,
      providers: [
        { provide: RequestLog, useValue: log },
        {
          provide: Authenticator,
          inject: [ApiKeys, Links],
          useFactory: (apiKeys: ApiKeys, links: Links) => new Authenticator(apiKeys, links),
        },
        { provide: Idempotency, inject: [Db], useFactory: (db: Db) => new Idempotency(db) },
        { provide: APP_GUARD, useClass: PermissionGuard },
        { provide: APP_INTERCEPTOR, useClass: CallInterceptor },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      exports: [RequestLog],
    };
  }
}

/** Nest's own mark of a handler. */
const NEST_METHOD = 'method';

/** Call it before listening. @throws Error naming every handler that was given to Nest without `@Route`, and so without a permission. */
export function requireDeclaredRoutes(modules: ModulesContainer): void {
  const bare: string[] = [];
  for (const { controllers } of modules.values())
    for (const { metatype } of controllers.values()) {
      const prototype = (metatype as { prototype: object } | null)?.prototype;
      for (const name of Object.getOwnPropertyNames(prototype ?? {})) {
        const handler = Object.getOwnPropertyDescriptor(prototype, name)?.value as object | undefined;
        if (typeof handler !== 'function' || Reflect.getMetadata(NEST_METHOD, handler) === undefined) continue;
        if (Reflect.getMetadata(ROUTE_SPEC, handler) === undefined) bare.push(`${(metatype as { name: string }).name}.${name}`);
      }
    }
  if (bare.length > 0) throw new Error(`routes without a declared permission: ${bare.join(', ')}`);
}
