/** Entry of the thread that imports and probes a plug-in accelerator module, and posts the result. */
import { parentPort, workerData } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import { candidatesOf, probeEach } from '../zero/probe.js';
import type { ProbeAnswer, ProbeOrder } from '../zero/probe-apart.js';

const { module, only }: ProbeOrder = workerData;
const answer: ProbeAnswer = await candidatesOf(module)
  .then((all) =>
    only === undefined
      ? probeEach(all)
      : probeEach(
          all.filter(({ reference }) => reference.name === only.name),
          only.settings,
        ),
  )
  .then(
    (probed) => ({ probed }),
    (cause: unknown) => ({ error: MultifdError.from(cause, 'accelerator-unavailable', module).toReport() }),
  );
parentPort?.postMessage(answer);
