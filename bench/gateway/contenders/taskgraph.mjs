// This project's gateway as it is deployed: tokens verified, clients counted, metrics and logs on. Of another checkout where CHECKOUT names one.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { HIGH_RATES } from '../high-rates.mjs';

Object.assign(process.env, HIGH_RATES);
const checkout = process.env.CHECKOUT ?? path.join(import.meta.dirname, '../../..');
await import(pathToFileURL(path.join(checkout, 'gateway/dist/main.js')).href);
