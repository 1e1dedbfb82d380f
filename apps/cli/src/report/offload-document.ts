import type { Cost, OffloadReport } from '../accelerators/bench-offload.js';
import { ACCEL_SCHEMA_VERSION } from './accel-document.js';
import { plain } from './format.js';

/** What `multifd accel bench --accel NAME --json` prints. Rates in bytes of guest memory a second. */
export interface OffloadDocument {
  readonly 'schema-version': typeof ACCEL_SCHEMA_VERSION;
  readonly command: 'accel bench';
  readonly environment: OffloadReport['environment'];
  readonly accelerator: string;
  readonly detail: string;
  readonly 'with-transfer': CostMember;
  /** Null: it cannot tell. */
  readonly 'resident-bytes-per-second': number | null;
  readonly batches: readonly ({ readonly pages: number } & CostMember)[];
  readonly cpu: { readonly name: string } & CostMember;
  readonly 'cpu-seconds-saved-per-gb': number;
  readonly 'faster-from-pages': number | null;
  readonly 'cheaper-from-pages': number | null;
}

interface CostMember {
  readonly 'bytes-per-second': number;
  readonly 'cpu-seconds-per-gb': number;
}

export function offloadDocument(report: OffloadReport): OffloadDocument {
  const { environment, accelerator, detail, withTransfer, batches, cpu } = report;
  return {
    'schema-version': ACCEL_SCHEMA_VERSION,
    command: 'accel bench',
    environment,
    accelerator,
    detail,
    'with-transfer': costMember(withTransfer),
    'resident-bytes-per-second': report.residentBytesPerSecond ?? null,
    batches: batches.map((each) => ({ pages: each.pages, ...costMember(each) })),
    cpu: { name: cpu.name, ...costMember(cpu) },
    'cpu-seconds-saved-per-gb': report.cpuSecondsSavedPerGB,
    'faster-from-pages': report.fasterFrom,
    'cheaper-from-pages': report.cheaperFrom,
  };
}

function costMember({ bytesPerSecond, cpuSecondsPerGB }: Cost): CostMember {
  return { 'bytes-per-second': bytesPerSecond, 'cpu-seconds-per-gb': cpuSecondsPerGB };
}

export function offloadText(document: OffloadDocument): string {
  const { environment, accelerator, detail, batches, cpu: best } = document;
  const { cpu, cores, node, arch, date } = environment;
  const resident = document['resident-bytes-per-second'];
  return [
    `${cpu}, ${cores} cores, Node ${node} ${arch}, ${date}; half of the pages used, out of cache`,
    `${accelerator}: ${plain(detail)}`,
    `with transfer: ${cost(document['with-transfer'])}`,
    `resident: ${resident === null ? 'not known' : `${gigabytes(resident)} GB/s`}`,
    `CPU (${plain(best.name)}), one thread: ${cost(best)}`,
    `CPU time saved in the same total time: ${document['cpu-seconds-saved-per-gb']} s/GB`,
    `pays: ${pays('as fast as the CPU', document['faster-from-pages'])}, ${pays('less CPU time', document['cheaper-from-pages'])}`,
    ...batches.map((each) => `  batches of ${each.pages} pages: ${cost(each)}`),
    '',
  ].join('\n');
}

function cost(member: CostMember): string {
  return `${gigabytes(member['bytes-per-second'])} GB/s, ${member['cpu-seconds-per-gb']} CPU s/GB`;
}

function pays(what: string, from: number | null): string {
  return from === null ? `${what} at no size` : `${what} from batches of ${from} pages`;
}

function gigabytes(bytesPerSecond: number): string {
  return (bytesPerSecond / 1e9).toFixed(1);
}
