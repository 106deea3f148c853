import { type RouteSpec, declaredRoutes } from './route.ts';

/** Methods that the address of a request takes; empty where no route is. */
export function allowedMethods(url: string): string[] {
  const path = url.split('?')[0]!;
  const methods = declaredRoutes().flatMap((spec) => (patternOf(spec).test(path) ? [spec.method] : []));
  return [...new Set<string>(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].toSorted();
}

/** The declared route that answers this request. HEAD is answered by GET where it has no route of its own. */
export function findRoute(method: string, url: string): RouteSpec | undefined {
  const path = url.split('?')[0]!;
  const here = declaredRoutes().filter((spec) => patternOf(spec).test(path));
  return (
    here.find((spec) => spec.method === method) ?? (method === 'HEAD' ? here.find((spec) => spec.method === 'GET') : undefined)
  );
}

const patterns = new WeakMap<RouteSpec, RegExp>();
function patternOf(spec: RouteSpec): RegExp {
  let pattern = patterns.get(spec);
  if (!pattern) {
    const source = spec.path
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
      .join('/');
    patterns.set(spec, (pattern = new RegExp(`^${source}$`)));
  }
  return pattern;
}
