import type { DomainError } from '#kernel';
import {
  MediaOverBudgetError,
  MediaToolsMissingError,
  MediaTruncatedError,
  MediaTypeUnsupportedError,
  MediaUnreadableError,
} from './media.errors.ts';
import type { ToolEnd } from './tool-process.ts';

/** Text of ffmpeg 2018 to 8 that tells why it gave up, in the order in which it is believed. */
const REASONS: readonly { readonly pattern: RegExp; readonly refusal: (match: RegExpExecArray) => DomainError }[] = [
  {
    pattern: /error while loading shared libraries|execvp .*: |bwrap: /,
    refusal: () =>
      new MediaToolsMissingError('The video tools do not start inside the sandbox. Use an ffmpeg of the system or a static build.'),
  },
  {
    pattern: /exceeds specified max pixel count|Picture size \d+x\d+ is invalid|Requested picture size|dimensions .* (?:too large|invalid)/i,
    refusal: () => new MediaOverBudgetError('The picture is larger than allowed. Export the clip at 4K or smaller.', { limit: 'pixels' }),
  },
  {
    pattern: /Cannot allocate memory|Out of memory|failed to map segment/i,
    refusal: () =>
      new MediaOverBudgetError('Reading this clip needs more memory than allowed. Export it at a smaller size.', { limit: 'memory' }),
  },
  {
    pattern: /moov atom not found|partial file|File ended prematurely|Truncat|incomplete frame|EOF while reading/i,
    refusal: () => new MediaTruncatedError('The end of the file is missing. Copy or upload the whole file again.'),
  },
  {
    pattern: /(?:Codec|Decoder|Format) \(?([\w,-]+)\)? not (?:on|in) whitelist|Decoder .* not found|no decoder found/i,
    refusal: ([, codec]) =>
      new MediaTypeUnsupportedError('The clip uses a codec that we do not take. Export it as MP4 with H.264, or as WebM.', codec ? { codec } : {}),
  },
]; // prettier-ignore

/** Turns the end of a tool that failed into the refusal a person can act on. Never carries the tool's text: it names paths. */
export function toolRefusal(end: ToolEnd & { readonly timedOut?: boolean }): DomainError {
  // ffmpeg catches SIGXCPU, closes its output in good order and says 255; nobody else sends it a signal that it can catch.
  if (end.signal === 'SIGXCPU' || end.code === 255 || end.timedOut)
    return new MediaOverBudgetError('Reading this clip takes longer than allowed. Export it at a smaller size or frame rate.', {
      limit: 'time',
    });
  for (const { pattern, refusal } of REASONS) {
    const match = pattern.exec(end.stderr);
    if (match) return refusal(match);
  }
  return new MediaUnreadableError('The clip cannot be read. Play it on your device; if it plays there, export it again as MP4.');
}
