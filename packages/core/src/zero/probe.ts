import type { Accelerator, Probe } from './accelerator.js';

/** ms that an asynchronous probe may take. */
const PROBE_PATIENCE = 5000;

/** A probe that throws, hangs or answers nonsense is an answer too: no. */
export async function probeSafely(accelerator: Accelerator): Promise<Probe> {
  const fix = `it is a mistake of accelerator ${accelerator.name}: tell its author`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Probe>((resolve) => {
    const reason = `its probe gave no answer within ${PROBE_PATIENCE} ms`;
    timer = setTimeout(() => resolve({ ok: false, reason, fix }), PROBE_PATIENCE);
  });
  try {
    const answer: unknown = await Promise.race([accelerator.probe(), late]);
    return isProbe(answer)
      ? answer
      : { ok: false, reason: 'its probe gave no answer that means anything', fix };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its probe failed: ${text}`, fix };
  } finally {
    clearTimeout(timer);
  }
}

function isProbe(value: unknown): value is Probe {
  if (typeof value !== 'object' || value === null) return false;
  const texts = Reflect.get(value, 'ok') === true ? ['detail'] : ['reason', 'fix'];
  return (
    typeof Reflect.get(value, 'ok') === 'boolean' &&
    texts.every((name) => typeof Reflect.get(value, name) === 'string')
  );
}
