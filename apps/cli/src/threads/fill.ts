import { workerData } from 'node:worker_threads';
import { type FillSetup, fillPieces } from '../guest/fill-work.js';

const setup: FillSetup = workerData;
fillPieces(setup);
