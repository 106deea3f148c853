import { childrenHaveNoNetwork, loadConfig } from '#kernel';
import { selfCheckModels } from '#inference';
import { chooseSandbox, findMediaTools } from '#media';
import { machine } from './machine.ts';

/** What this machine has and what is missing, each line with what to do. Exit 1 if something needed is missing. */
export async function doctorCommand(): Promise<number> {
  const config = loadConfig();
  let missing = 0;
  const line = (ok: boolean | 'warn', text: string): void => {
    if (ok === false) missing++;
    console.log(`${ok === true ? '✓' : ok === 'warn' ? '!' : '✗'} ${text}`);
  };
  line(true, machine());
  try {
    const tools = await findMediaTools({ ffmpegPath: config.FFMPEG_PATH });
    line(
      tools.warning === undefined ? true : 'warn',
      `ffmpeg ${tools.version} (${tools.source})${tools.warning === undefined ? '' : `: ${tools.warning}`}`,
    );
    line(
      tools.hasZscale && tools.hasTonemap ? true : 'warn',
      tools.hasZscale && tools.hasTonemap
        ? 'HDR footage can be converted'
        : 'No zscale or tonemap filter: HDR footage is refused.',
    );
  } catch (error) {
    line(false, (error as Error).message);
  }
  const sandbox = chooseSandbox(config.ASSENT_SANDBOX);
  line(
    sandbox.warning === undefined ? true : 'warn',
    `sandbox: ${sandbox.tier}${sandbox.warning === undefined ? '' : `. ${sandbox.warning}`}`,
  );
  line(
    childrenHaveNoNetwork() ? true : 'warn',
    childrenHaveNoNetwork()
      ? 'fit and tracking run without a network'
      : 'No network namespaces here: fit and tracking could reach the network.',
  );
  try {
    await selfCheckModels();
    line(true, 'every model has its hash and gives its golden output');
  } catch (error) {
    line(false, (error as Error).message);
  }
  line('warn', 'GPU: the WebGPU backend is not built yet; fits run on the CPU.');
  return missing === 0 ? 0 : 1;
}
