import { type FileHandle, open } from 'node:fs/promises';
import { MediaEmptyError, MediaTypeUnsupportedError } from './media.errors.ts';

/** What the first bytes say. Name and Content-Type are never asked (FT-08). */
export interface MediaType {
  readonly container: 'iso-bmff' | 'matroska';
  /** What the person sent, for the record. */
  readonly mediaType: 'video/mp4' | 'video/quicktime' | 'video/webm' | 'video/x-matroska';
  /** Value of `-f` and `-format_whitelist`: no other demuxer ever sees the file. */
  readonly demuxer: 'mov' | 'matroska';
  readonly demuxers: string;
}

const MP4 = { container: 'iso-bmff', demuxer: 'mov', demuxers: 'mov,mp4,m4a,3gp,3g2,mj2' } as const;
const MATROSKA = { container: 'matroska', demuxer: 'matroska', demuxers: 'matroska,webm' } as const;

/** Brands of still pictures in ISO media: a HEIC photo is no clip. */
const PICTURE_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'mif1', 'msf1', 'avif', 'avis', 'miaf']);
/** QuickTime files before `ftyp` start with one of these. */
const OLD_QUICKTIME = new Set(['moov', 'mdat', 'wide', 'free', 'skip', 'pnot']);

/**
 * Decides by content.
 * @throws MediaEmptyError, MediaTypeUnsupportedError
 */
export async function readMediaType(path: string): Promise<MediaType> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(4096);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead === 0) throw new MediaEmptyError('The file holds no bytes. Record or choose it again.');
    const type = mediaTypeOf(head.subarray(0, bytesRead));
    if (type) return type;
  } finally {
    await file.close();
  }
  throw new MediaTypeUnsupportedError(
    'This is not a video that we take. Send an MP4, MOV, WebM or Matroska file; its name does not matter.',
  );
}

/** @returns undefined for everything that is neither ISO media with moving pictures nor Matroska. */
export function mediaTypeOf(head: Buffer): MediaType | undefined {
  if (head.length >= 12) {
    const box = head.toString('latin1', 4, 8);
    const brand = head.toString('latin1', 8, 12);
    if (box === 'ftyp' && !PICTURE_BRANDS.has(brand))
      return { ...MP4, mediaType: brand === 'qt  ' ? 'video/quicktime' : 'video/mp4' };
    if (OLD_QUICKTIME.has(box)) return { ...MP4, mediaType: 'video/quicktime' };
  }
  // EBML header; its DocType element (0x4282) must name one of the two.
  if (head.length >= 5 && head.readUInt32BE(0) === 0x1a45dfa3) {
    const docType = /\x42\x82.(webm|matroska)/s.exec(head.toString('latin1', 4))?.[1];
    if (docType) return { ...MATROSKA, mediaType: docType === 'webm' ? 'video/webm' : 'video/x-matroska' };
  }
  return undefined;
}

/** What the box structure of an ISO file says, without decoding anything. */
export interface BoxSurvey {
  /** A box ends behind the end of the file, or there is no index at all. */
  readonly cutOff: boolean;
  /** A track has an edit list that does more than "play from the start". */
  readonly hasEditList: boolean;
}

/** Box headers looked at before giving up: a file made of a million empty boxes costs nothing. */
const MAX_BOXES = 20_000;

/** Walks the boxes that hold tracks; payloads stay unread. ISO/IEC 14496-12 §4.2, §8.6.6. */
export async function surveyBoxes(path: string): Promise<BoxSurvey> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const seen = { boxes: 0, moov: false, cutOff: false, edits: false };
    await walk(file, 0, size, seen);
    return { cutOff: seen.cutOff || !seen.moov, hasEditList: seen.edits };
  } finally {
    await file.close();
  }
}

async function walk(
  file: FileHandle,
  from: number,
  end: number,
  seen: { boxes: number; moov: boolean; cutOff: boolean; edits: boolean },
): Promise<void> {
  const head = Buffer.alloc(16);
  for (let at = from; at + 8 <= end && seen.boxes < MAX_BOXES; seen.boxes++) {
    await file.read(head, 0, 16, at);
    const type = head.toString('latin1', 4, 8);
    const short = head.readUInt32BE(0);
    // 1: the size is the 64-bit number that follows. 0: legal too, "to the end of the file".
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short === 0 ? end - at : short;
    const body = at + (short === 1 ? 16 : 8);
    if (size < 8 || at + size > end) {
      seen.cutOff = true;
      return;
    }
    if (type === 'moov') seen.moov = true;
    if (type === 'moov' || type === 'trak' || type === 'edts') await walk(file, body, at + size, seen);
    if (type === 'elst') seen.edits ||= await isRealEdit(file, body, size);
    at += size;
  }
}

/** One entry that starts at media time 0 is no edit. */
async function isRealEdit(file: FileHandle, body: number, size: number): Promise<boolean> {
  const list = Buffer.alloc(28);
  await file.read(list, 0, Math.min(28, size - 8), body);
  const wide = list[0] === 1;
  if (list.readUInt32BE(4) !== 1) return list.readUInt32BE(4) > 1;
  return wide ? list.readBigInt64BE(16) !== 0n : list.readInt32BE(12) !== 0;
}
