import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { expect } from 'vitest';
import { bareEnvironment, packageRoot } from '#kernel';
import { findMediaTools } from '#media';
import { syntheticClip } from '#testing';

const OUT = join(packageRoot(), 'test-output');

/** Where Debian and others put it. Undefined: the tests of the pages are skipped, and say so. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

export const NO_CHROMIUM = 'no Chromium: install Debian’s `chromium` to run the tests of the pages';

export interface FakeCamera {
  readonly video: string;
  readonly audio: string;
}

/**
 * What the camera sees: the synthetic subject's consent clip, which other tests use too, as Chromium wants it (it repeats the file).
 * Beside the subject grey walls, as a camera of 4 : 3 would show.
 */
export async function fakeCamera(): Promise<FakeCamera> {
  const folder = join(OUT, 'camera');
  const camera = { video: join(folder, 'lucia.mjpeg'), audio: join(folder, 'lucia.wav') };
  if (existsSync(camera.video) && existsSync(camera.audio)) return camera;
  await mkdir(folder, { recursive: true });
  const clip = await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 3, size: 320 });
  const { ffmpeg } = await findMediaTools();
  const part = `${camera.video}.part`;
  const video = [
    '-an',
    '-vf',
    'pad=428:320:54:0:0x5a5f5c',
    '-c:v',
    'mjpeg',
    '-q:v',
    '4',
    '-pix_fmt',
    'yuvj420p',
    '-f',
    'mjpeg',
    part,
  ];
  execFileSync(ffmpeg, ['-v', 'error', '-y', '-i', clip, ...video, '-vn', '-ac', '1', '-ar', '48000', '-f', 'wav', camera.audio]);
  await rename(part, camera.video);
  return camera;
}

/** A real browser without a window, whose camera is the synthetic subject. */
export async function openBrowser(camera: FakeCamera): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium()!,
    headless: true,
    env: bareEnvironment(),
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${camera.video}`,
      `--use-file-for-fake-audio-capture=${camera.audio}`,
    ],
  });
}

/** A phone of 360 × 740 points, as a person in India might hold it. */
export const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  locale: 'en-IN',
};

/** A page with everything that it must never do recorded as a fault. */
export class WatchedPage {
  readonly faults: string[] = [];
  readonly requests: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    private readonly origin: string,
  ) {
    page.on('pageerror', (error) => this.faults.push(`threw: ${String(error)}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) this.faults.push(message.text());
    });
    page.on('request', (request) => {
      this.requests.push(`${request.method()} ${request.url().slice(this.origin.length)}`);
      if (!request.url().startsWith(this.origin) && !request.url().startsWith('blob:'))
        this.faults.push(`asked ${request.url()}`);
      // The link's secret goes nowhere but into one header.
      if (/asl_/.test(new URL(request.url()).pathname + new URL(request.url()).search))
        this.faults.push(`token in ${request.url()}`);
    });
  }

  static async open(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await browser.newContext({ ...PHONE, permissions: ['camera', 'microphone'], ...options });
    return WatchedPage.in(context, origin);
  }

  static async in(context: BrowserContext, origin: string): Promise<WatchedPage> {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    return new WatchedPage(page, context, origin);
  }

  /** Waits for a screen, keeps a picture of it, and lets axe look at it in both lights. */
  async screen(step: string, picture: string, options: { axe?: boolean } = {}): Promise<void> {
    await this.page.locator(`main[data-step="${step}"]`).waitFor();
    await this.picture(picture);
    if (options.axe !== false) expect(await this.violations(), `axe on ${picture}`).toEqual([]);
  }

  async picture(name: string): Promise<void> {
    await mkdir(join(OUT, 'screenshots'), { recursive: true });
    await this.page.screenshot({ path: join(OUT, 'screenshots', `${name}.png`), fullPage: true, animations: 'disabled' });
  }

  /** Rules of WCAG 2.2 A and AA that the screen breaks, in light and in dark. */
  async violations(): Promise<string[]> {
    const found = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      for (const fault of await this.#axe()) found.add(`${colorScheme}: ${fault}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
    return [...found];
  }

  async #axe(): Promise<string[]> {
    await this.page.evaluate(await axeSource());
    return this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(what: Document, how: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const { violations } = await axe.run(document, { runOnly: { type: 'tag', values: tags } });
      return violations.map(
        ({ id, nodes }) =>
          `${id} ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 300)}`,
      );
    });
  }

  problem(): Promise<string | null> {
    return this.page.locator('[role=alert] [data-problem]').getAttribute('data-problem');
  }
}

let axe: Promise<string> | undefined;
const axeSource = (): Promise<string> => (axe ??= readFile(join(packageRoot(), 'node_modules/axe-core/axe.min.js'), 'utf8'));
