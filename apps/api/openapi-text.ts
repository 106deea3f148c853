import 'reflect-metadata';
import { openApiDocument } from '#http';
// Each controller declares its routes when it loads.
import './api.module.ts';

/** The bytes of openapi.json: sorted by path, so that a change of one route changes its own lines only. */
export const openApiText = (): string => JSON.stringify(openApiDocument(), null, 2) + '\n';
