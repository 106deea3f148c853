// Writes openapi.json from the routes that the API declares. A test refuses a checked-in file that says anything else.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

build();
const { openApiText } = await import('../dist/apps/api/openapi-text.js');
writeFileSync(join(fileURLToPath(import.meta.url), '../../openapi.json'), openApiText());
