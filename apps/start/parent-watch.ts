/*
 * Loaded before the entry point of each process that `npm start` runs (`node --import`). A supervisor that is killed cannot stop its
 * children; they notice that its channel is gone and stop by themselves, so that the next start finds nobody on its ports.
 */
const GRACE_MS = 20_000;

if (process.send) {
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  process.channel?.unref(); // watching alone keeps no process alive
}

export {};
