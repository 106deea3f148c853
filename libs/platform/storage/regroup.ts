/** Cuts a stream of any pieces into pieces of exactly `size` bytes, the last one shorter. */
export async function* regroup(pieces: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Buffer> {
  let parts: Uint8Array[] = [];
  let have = 0;
  for await (let piece of pieces) {
    while (have + piece.length >= size) {
      const take = size - have;
      yield Buffer.concat([...parts, piece.subarray(0, take)]);
      parts = [];
      have = 0;
      piece = piece.subarray(take);
    }
    if (piece.length > 0) {
      parts.push(Buffer.from(piece));
      have += piece.length;
    }
  }
  if (have > 0) yield Buffer.concat(parts);
}
