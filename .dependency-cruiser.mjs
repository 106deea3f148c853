// The layer table of ARCHITECTURE.md as data. A room may reach: rooms on lower floors, and on its own floor only those listed.
const FLOORS = [
  { floor: 'ground', rooms: { kernel: [], pki: ['kernel'], tlog: ['kernel', 'pki'] } },
  { floor: 'platform', rooms: { db: [], keys: [], storage: ['keys', 'db'], audit: ['db', 'storage'], queue: ['db', 'audit'], access: ['db', 'audit', 'keys'], http: ['access', 'db', 'audit', 'queue'] } },
  { floor: 'engines', rooms: { media: [], face: [], inference: ['face'], gaussians: ['face'], provenance: [], synthetic: ['face'] } },
  {
    floor: 'features',
    rooms: {
      uploads: [], identity: ['uploads'], consent: ['identity', 'uploads'], replicas: [], governance: ['consent'],
      training: ['consent', 'identity', 'uploads', 'replicas'], rendering: ['consent', 'governance', 'replicas', 'uploads'], verification: ['consent', 'replicas'],
    },
  },
]; // prettier-ignore

/** Floors a room may look down to. Engines do not see platform, platform does not see engines. */
const BELOW = { ground: [], platform: ['ground'], engines: ['ground'], features: ['ground', 'platform', 'engines'] };

const forbidden = [
  { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
  { name: 'nothing-imports-an-app', severity: 'error', from: { pathNot: '^(apps|test)/' }, to: { path: '^apps/' } },
  {
    name: 'only-through-the-index',
    comment: 'another room is reached only through its index.ts',
    severity: 'error',
    from: { path: '^libs/([^/]+/[^/]+)/' },
    to: { path: '^libs/[^/]+/[^/]+/', pathNot: ['^libs/$1/', '^libs/[^/]+/[^/]+/index\\.ts$'] },
  },
  {
    name: 'apps-through-the-index',
    severity: 'error',
    from: { path: '^apps/' },
    to: { path: '^libs/[^/]+/[^/]+/', pathNot: '^libs/[^/]+/[^/]+/(index|.*\\.http)\\.ts$' },
  },
  {
    name: 'controllers-belong-to-the-api',
    comment: 'worker and CLI are made of the same rooms without their doors: `*.http.ts` stands in no index.ts',
    severity: 'error',
    from: { pathNot: ['^apps/api/', '\\.spec\\.ts$', '\\.fixture\\.ts$'] },
    to: { path: '\\.http\\.ts$' },
  },
  {
    name: 'worker-and-cli-without-http',
    severity: 'error',
    from: { path: '^apps/(worker|cli)/' },
    to: { path: '(^libs/platform/http/|node_modules/fastify/)', reachable: true },
  },
  {
    name: 'testing-stays-in-tests',
    severity: 'error',
    from: { pathNot: ['\\.(spec|fixture)\\.ts$', '^libs/testing/', '^test/', 'vitest'] },
    to: { path: '^libs/testing/' },
  },
  {
    name: 'no-unlisted-dependency',
    severity: 'error',
    from: { path: '^(apps|libs)/', pathNot: '\\.spec\\.ts$' },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
  },
  { name: 'not-found', severity: 'error', from: {}, to: { couldNotResolve: true } },
];
for (const { floor, rooms } of FLOORS) {
  for (const [room, peers] of Object.entries(rooms)) {
    const allowed = [...BELOW[floor].map((f) => `^libs/${f}/`), `^libs/${floor}/(${[room, ...peers].join('|')})/`];
    forbidden.push({
      name: `layer-${room}`,
      severity: 'error',
      from: { path: `^libs/${floor}/${room}/`, pathNot: '\\.(spec|fixture)\\.ts$' },
      to: { path: '^(libs|apps|migrations)/', pathNot: allowed },
    });
  }
}
for (const engine of Object.keys(FLOORS[2].rooms)) {
  forbidden.push({
    name: `engine-${engine}-is-plain`,
    severity: 'error',
    from: { path: `^libs/engines/${engine}/`, pathNot: '\\.spec\\.ts$' },
    to: { path: 'node_modules/(@nestjs|typeorm|pg|bullmq)/' },
  });
}

export default {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.as\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['source', 'import', 'node', 'default', 'types'] },
  },
};
