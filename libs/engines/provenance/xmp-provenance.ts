import { crc32 } from 'node:zlib';

const DC_TERMS = 'http://purl.org/dc/terms/';
/** How a packet starts or is announced: in JPEG, its continuation there, in PNG. */
const PACKET =
  /<(?:\?xpacket begin|x:xmpmeta|rdf:RDF)|^http:\/\/ns\.adobe\.com\/(?:xap\/1\.0|xmp\/extension)\/\0|^XML:com\.adobe\.xmp\0/;
const NAMED = /provenance/i;

/**
 * Blanks `dcterms:provenance` in the XMP of a JPEG, PNG or MP4: the address of somebody else's manifest must not travel under our
 * signature (case PR-01). A packet that names it in any other way (readers take malformed XML too) is blanked whole. Overwrites in
 * place, so that no offset of the file moves. Returns the same buffer when there is none.
 */
export function withoutProvenanceAddress(file: Buffer, mimeType: string): Buffer {
  const spans = mimeType === 'image/jpeg' ? jpegText(file) : mimeType === 'image/png' ? pngText(file) : boxText(file);
  let copy: Buffer | undefined;
  for (const { start, end, seal, certain } of spans) {
    const text = file.toString('latin1', start, end);
    if (!(certain || PACKET.test(text)) || !NAMED.test(text.replaceAll('\0', ''))) continue;
    copy ??= Buffer.from(file);
    copy.write(withoutName(text), start, 'latin1');
    seal?.(copy);
  }
  return copy ?? file;
}

function withoutName(text: string): string {
  const blanked = blankProvenance(text);
  if (!NAMED.test(blanked.replaceAll('\0', ''))) return blanked;
  const head = PACKET.exec(text)?.[0] ?? '';
  const kept = text.startsWith(head) && head.endsWith('\0') ? head.length : 0;
  return text.slice(0, kept) + '\0'.repeat(text.length - kept);
}

/** Attribute or element, under every prefix that is bound to the Dublin Core terms. */
function blankProvenance(xmp: string): string {
  const bound = [...xmp.matchAll(new RegExp(`xmlns:([\\w.-]+)\\s*=\\s*["']${DC_TERMS}["']`, 'g'))].map((match) => match[1]!);
  const prefixes = [...new Set(['dcterms', ...bound])].map((prefix) => prefix.replace(/[.\\-]/g, '\\$&')).join('|');
  const name = `(?:${prefixes}):provenance`;
  const forms = [
    `\\s${name}\\s*=\\s*(?:"[^"]*"|'[^']*')`,
    `<${name}(?:\\s[^>]*)?/>`,
    `<${name}(?:\\s[^>]*)?>[\\s\\S]*?</${name}\\s*>`,
  ];
  return xmp.replace(new RegExp(forms.join('|'), 'g'), (found) => ' '.repeat(found.length));
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** XMP by its place, whatever its first bytes say. */
  readonly certain?: boolean;
  /** Repairs a check sum of the copy. */
  readonly seal?: (copy: Buffer) => void;
}

/** APP1 segments before the picture starts. */
function* jpegText(file: Buffer): Iterable<Span> {
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff;) {
    const marker = file[at + 1]!;
    if (marker === 0xda) return;
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2; // fill byte, or a marker without a length
      continue;
    }
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (end > file.length) return;
    if (marker === 0xe1) yield { start: at + 4, end };
    at = end;
  }
}

/** Text chunks; compressed ones hold no address that a reader would find without inflating them, and none of ours are. */
function* pngText(file: Buffer): Iterable<Span> {
  for (let at = 8; at + 12 <= file.length;) {
    const type = at + 4;
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length) return;
    if (['iTXt', 'tEXt'].includes(file.toString('latin1', type, type + 4))) {
      yield { start: type + 4, end, seal: (copy) => void copy.writeUInt32BE(crc32(copy.subarray(type, end)), end) };
    }
    at = end + 4;
  }
}

/** `uuid` boxes at the top of an ISO base media file, where XMP lives. */
function* boxText(file: Buffer): Iterable<Span> {
  for (let at = 0; at + 8 <= file.length;) {
    const size =
      file.readUInt32BE(at) === 1 && at + 16 <= file.length ? Number(file.readBigUInt64BE(at + 8)) : file.readUInt32BE(at);
    const end = size === 0 ? file.length : at + size;
    if (size !== 0 && size < 8) return;
    if (file.toString('latin1', at + 4, at + 8) === 'uuid') yield { start: at + 24, end: Math.min(end, file.length) };
    at = end;
  }
}
