import { DataSource, type EntityTarget, type MixedList, type ObjectLiteral } from 'typeorm';
import type { Tx } from '#kernel';

/** The one door to PostgreSQL. Rooms get rows through it; nobody else holds the data source. */
export class Db {
  constructor(readonly dataSource: DataSource) {}

  /**
   * Runs `work` in one transaction on one connection (READ COMMITTED). Nothing inside may ask the pool for a second
   * connection (DESIGN rule 17): under load the pool would wait for itself.
   */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.dataSource.transaction((manager) => work(manager as Tx));
  }

  /** A read outside any transaction. Rows come back as plain objects. */
  query<Row = Record<string, unknown>>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.dataSource.query<Row[]>(sql, parameters);
  }
}

/** Rows of a statement inside a transaction. For UPDATE/DELETE … RETURNING too: TypeORM answers those as `[rows, count]`. */
export async function rows<Row = Record<string, unknown>>(tx: Tx, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const result: unknown = await tx.query(sql, parameters);
  if (Array.isArray(result) && result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number')
    return result[0] as Row[];
  return result as Row[];
}

export interface DbOptions {
  readonly url: string;
  readonly entities?: EntityTarget<ObjectLiteral>[];
  readonly migrations?: MixedList<new () => object>;
  /** Connections of this process. */
  readonly poolSize?: number;
  /** How long a transaction may sleep. A process that is paused inside one would hold its locks, and a withdrawal, for ever. */
  readonly idleSeconds?: number;
}

export async function openDb(options: DbOptions): Promise<Db> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: options.url,
    entities: (options.entities ?? []) as never[],
    migrations: (options.migrations ?? []) as never[],
    migrationsTableName: 'schema_migrations',
    poolSize: options.poolSize ?? 10,
    synchronize: false,
    logging: false,
    // A session in another time zone must not change what a client reads (case OP-02).
    extra: {
      options: `-c timezone=UTC -c idle_in_transaction_session_timeout=${(options.idleSeconds ?? 30) * 1000}`,
      application_name: 'assent',
    },
  });
  return new Db(await dataSource.initialize());
}
