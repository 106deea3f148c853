import type { Catalog } from '../catalog.ts';
import type { ServerClock } from '../server-clock.ts';
import type { Consent, ConsentSession, Receipt } from './consent-wire.ts';
import type { Flow, FlowEvent } from './flow.ts';
import type { LightReading } from './light.ts';

/** Everything that the screen shows. */
export interface PageView {
  readonly flow: Flow;
  readonly session: ConsentSession | null;
  readonly catalog: Catalog;
  readonly clock: ServerClock;
  /** A request is on its way: its button waits. */
  readonly busy: boolean;
  readonly light: LightReading | null;
  /** `calm`: the two seconds of neutral face. */
  readonly phase: 'calm' | 'speak';
  /** Seconds of the take. */
  readonly elapsed: number;
  readonly sent: number;
  readonly total: number;
  /** The connection is gone; the upload goes on by itself. */
  readonly waiting: boolean;
  /** Nothing can be kept on this phone: a reload would lose the take. */
  readonly memoryOnly: boolean;
  readonly clipUrl: string | null;
  readonly typedCode: string;
  /** Slug of what is wrong with the typed code; stands beside the field. */
  readonly typedFault: string | null;
  readonly receipt: Receipt | null;
  readonly receiptUrl: string | null;
  readonly copied: boolean;
}

/** The page as the desk of the capture sees it: what is shown, and how to change it. */
export interface CapturePage {
  readonly view: PageView;
  readonly consent: Consent;
  set(change: Partial<PageView>): void;
  dispatch(event: FlowEvent): void;
  /** One request at a time; a refusal becomes a sentence. */
  during(act: () => Promise<void>): Promise<void>;
}
