import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/**
 * Carries TCP to a server and cuts the connection, both ways and without a word, when the client has sent `cuts[0]` bytes on it, then on
 * a later one `cuts[1]` … Once the cuts are used up it lets everything pass. Counts what the client sent.
 */
export async function cuttingProxy(target: string, cuts: number[]) {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let sent = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let left = cuts.shift() ?? Infinity;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => undefined); // a cut connection fails on both sides: that is what is being made here
      socket.once('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => {
      const passing = bytes.subarray(0, Math.max(0, left));
      left -= passing.length;
      sent += passing.length;
      if (!upstream.write(passing)) client.pause(); // as a network does: what cannot be carried is not taken
      if (left <= 0) upstream.destroySoon();
    });
    upstream.on('drain', () => client.resume());
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Bytes that clients sent through it, headers too. */
    sent: () => sent,
    async close(): Promise<void> {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
