import type { Catalog } from '../catalog.ts';
import type { Trouble } from '../wire.ts';
import type { Report } from './verdict.ts';

/** What the screen shows. A file is looked at one at a time. */
export interface VerifyView {
  readonly catalog: Catalog;
  readonly step: 'ask' | 'sending' | 'result';
  readonly fileName: string;
  /** 0 to 1; at 1 the server is looking. */
  readonly sent: number;
  readonly report: Report | null;
  readonly reportUrl: string | null;
  readonly trouble: Trouble | null;
  /** Something is held over the page. */
  readonly over: boolean;
}
