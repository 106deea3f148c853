import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type VerificationReport, parseAnchors, verify } from '#provenance';
import { UsageError } from './demo-options.ts';

/** `assent verify FILE…`: offline, without a database or keys. Exit 0 if every file is trusted, 1 if one is not, 2 if one cannot be read. */
export async function verifyCommand(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args);
  if (positionals.length === 0) throw new UsageError('assent verify needs at least one FILE.');
  const anchors = parseAnchors(values['trust-anchors'] === undefined ? '' : readText(values['trust-anchors']));
  const marks = values.marks === undefined ? undefined : (JSON.parse(readText(values.marks)) as { rows: string[] }).rows;
  let exit = 0;
  const reports: (VerificationReport & { file: string })[] = [];
  for (const file of positionals) {
    if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`);
    const report = await verify(file, { anchors, ...(marks === undefined ? {} : { marks }) });
    reports.push({ file, ...report });
    if (report.c2pa.state === 'unparsable') exit = 2;
    else if (report.verdict !== 'trusted' && exit === 0) exit = 1;
    if (!values.json) print(file, report);
  }
  if (values.json) console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2));
  return exit;
}

function print(file: string, { verdict, sentence, c2pa, watermark }: VerificationReport): void {
  console.log(`${file}: ${verdict.toUpperCase()}\n  ${sentence}`);
  console.log(
    `  C2PA: ${c2pa.state}${c2pa.signedAt === undefined ? '' : `, signed ${c2pa.signedAt}`}${c2pa.reasons.length > 0 ? ` (${c2pa.reasons.join(', ')})` : ''}`,
  );
  const look =
    watermark.state === 'not_looked' ? 'the pixels were not searched: that needs the deployment’s key' : watermark.state;
  console.log(
    `  Watermark: ${look}${watermark.renderId === undefined ? '' : `; the registry knows this id as render ${watermark.renderId}`}`,
  );
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean' }, 'trust-anchors': { type: 'string' }, marks: { type: 'string' } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`${path} cannot be read.`);
  }
}
