import { type Server, type Socket, connect, createServer } from 'node:net';

/** Where the line to PostgreSQL breaks: the COMMIT never arrives, or its answer never does. */
export type Cut = 'before-commit' | 'after-commit';

/** A TCP proxy in front of PostgreSQL that breaks the connection at a COMMIT when it is told to, once. */
export class CutProxy {
  #cut: Cut | undefined;
  readonly #server: Server;
  /** Connections that were broken. */
  cuts = 0;

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      const server = connect(Number(target.port), target.hostname);
      const both = (from: Socket, to: Socket): void => void from.on('close', () => to.destroy()).on('error', () => to.destroy());
      both(client, server);
      both(server, client);
      const breakLine = (): void => {
        this.#cut = undefined;
        this.cuts++;
        client.destroy();
        server.destroy();
      };
      client.on('data', (bytes) => {
        const commit = bytes.includes('COMMIT\0');
        if (commit && this.#cut === 'before-commit') return breakLine();
        server.write(bytes);
        // An answer to COMMIT means that it is durable: nothing of it reaches the client.
        if (commit && this.#cut === 'after-commit') server.removeAllListeners('data').once('data', breakLine);
      });
      server.on('data', (bytes) => client.write(bytes));
    });
  }

  static async open(databaseUrl: string): Promise<{ proxy: CutProxy; url: string }> {
    const target = new URL(databaseUrl);
    const proxy = new CutProxy(target);
    await new Promise<void>((done) => proxy.#server.listen(0, '127.0.0.1', done));
    const through = new URL(databaseUrl);
    through.hostname = '127.0.0.1';
    through.port = String((proxy.#server.address() as { port: number }).port);
    return { proxy, url: through.href };
  }

  cutAt(cut: Cut): void {
    this.#cut = cut;
  }
  close(): void {
    this.#server.close();
  }
}
