import { workerData } from 'node:worker_threads';
import { openRamBlock } from '@multifd/core/ram';
import { type FillSetup, fillPieces } from '../guest/fill-work.js';

const setup: FillSetup = workerData;
fillPieces(setup, await Promise.all(setup.ram.blocks.map(openRamBlock)));
