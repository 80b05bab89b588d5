import { activeSpan, fromZero, outcomeOf, type Log, type Metrics } from '@taskgraph/service-kit';

import type { FailureReason } from './modules/media/mappers.js';

type RejectionReason =
  | FailureReason
  | 'EMPTY'
  | 'MISMATCH'
  | 'MediaTooLargeProblem'
  | 'UnsupportedMediaTypeProblem'
  | 'QuotaExceededProblem';

/** One function per business event: log line and counter together. Ids go to the log, never into labels. */
export interface MediaTelemetry {
  uploaded(log: Log, mediaId: string, mimeType: string, byteSize: number): void;
  uploadRepeated(log: Log, mediaId: string): void;
  rejected(log: Log, reason: RejectionReason): void;
  /** What has become of an upload that is sent in many requests. */
  sessionEnded(log: Log, sessionId: string, outcome: SessionOutcome): void;
  /** Bytes of such uploads, while they come. */
  sessionBytes(byteSize: number): void;
  sessionsExpired(count: number): void;
  /** A request with bytes of one has begun; returns the function that says that it has ended. */
  sessionPart(): () => void;
  deleted(log: Log, mediaId: string): void;
  restored(log: Log, mediaId: string): void;
  /** The file of an item is now that of another, which is gone. */
  replaced(log: Log, mediaId: string, withMediaId: string): void;
  fileRefused(log: Log, reason: (typeof LINK_FAULTS)[number]): void;
  exportRequested(log: Log, exportId: string): void;
  exportEnded(log: Log, exportId: string, outcome: (typeof EXPORTS)[number]): void;
  /** What was left behind and is gone, by kind. */
  swept(log: Log, counts: Readonly<Record<string, number>>): void;
  processed(log: Log, mediaId: string): void;
  failed(log: Log, mediaId: string, reason: FailureReason): void;
  /** How many items this process is at, and how many wait for any. */
  queue(length: { readonly active: number; readonly waiting: number }): void;
  jobStarted(waitedMs: number): void;
  /** Returns the function that ends the measurement. */
  startProcessing(): () => void;
}

const SESSIONS = ['created', 'ok', 'refused', 'terminated'] as const;
export type SessionOutcome = (typeof SESSIONS)[number];
const LINK_FAULTS = ['expired', 'forged'] as const;
const EXPORTS = ['ok', 'error', 'expired'] as const;

/** The type of what was not accepted, or not looked at. */
const UNKNOWN = 'none';

/** Seconds: from at once to as long as nobody waits for. */
const QUEUE_WAIT_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800];

export function createMediaTelemetry(metrics: Metrics): MediaTelemetry {
  const queued = metrics.gauge('taskgraph_media_processing', 'Images that are decoded, or wait for that.', ['state']);
  const uploads = metrics.counter(
    'taskgraph_media_uploads_total',
    'Uploads by outcome, and by type where they were accepted.',
    ['outcome', 'type'],
  );
  const bytes = metrics.counter('taskgraph_media_uploaded_bytes_total', 'Bytes of accepted uploads.', ['type']);
  const sessions = metrics.counter(
    'taskgraph_media_upload_sessions_total',
    'Uploads that are sent in many requests, by what became of them.',
    ['outcome'],
  );
  const sessionBytes = metrics.counter(
    'taskgraph_media_session_received_bytes_total',
    'Bytes of uploads that are sent in many requests, while they come.',
  );
  const parts = metrics.gauge(
    'taskgraph_media_session_requests_active',
    'Requests that are sending a part of an upload.',
  );
  const deletions = metrics.counter('taskgraph_media_deletions_total', 'Media items deleted.');
  const replacements = metrics.counter(
    'taskgraph_media_replacements_total',
    'Files of media items replaced by others.',
  );
  const refusals = metrics.counter('taskgraph_media_file_refusals_total', 'Requests for files with a bad link.', [
    'reason',
  ]);
  const exports = metrics.counter('taskgraph_media_data_exports_total', 'Exports of data, by what became of them.', [
    'outcome',
  ]);
  const processings = metrics.counter('taskgraph_media_processings_total', 'Items processed, by outcome.', ['outcome']);
  fromZero(sessions, 'outcome', [...SESSIONS, 'expired']);
  fromZero(refusals, 'reason', LINK_FAULTS);
  fromZero(exports, 'outcome', EXPORTS);
  fromZero(processings, 'outcome', ['ok']);
  const waits = metrics.histogram(
    'taskgraph_media_queue_wait_seconds',
    'Time from an upload to the beginning of a try to process it.',
    [],
    QUEUE_WAIT_BUCKETS,
  );
  const processing = metrics.histogram(
    'taskgraph_media_processing_duration_seconds',
    'Time to decode an image and make its thumbnails.',
  );
  return {
    uploaded(log, mediaId, mimeType, byteSize) {
      uploads.inc({ outcome: 'ok', type: mimeType });
      bytes.inc({ type: mimeType }, byteSize);
      log.info({ mediaId, mimeType, byteSize }, 'media uploaded');
    },
    uploadRepeated(log, mediaId) {
      uploads.inc({ outcome: 'repeated', type: UNKNOWN });
      log.info({ mediaId }, 'media uploaded before, with the same idempotency key');
    },
    rejected(log, reason) {
      uploads.inc({ outcome: outcomeOf(reason), type: UNKNOWN });
      log.info({ reason }, 'upload refused');
    },
    sessionEnded(log, sessionId, outcome) {
      sessions.inc({ outcome });
      log.info({ sessionId, outcome }, 'an upload session has changed');
    },
    sessionsExpired: (count) => sessions.inc({ outcome: 'expired' }, count),
    sessionBytes: (byteSize) => sessionBytes.inc(byteSize),
    sessionPart() {
      parts.inc();
      return () => parts.dec();
    },
    deleted(log, mediaId) {
      deletions.inc();
      log.info({ mediaId }, 'media deleted');
    },
    restored: (log, mediaId) => log.info({ mediaId }, 'media restored'),
    replaced(log, mediaId, withMediaId) {
      replacements.inc();
      log.info({ mediaId, withMediaId }, 'media replaced');
    },
    fileRefused(log, reason) {
      refusals.inc({ reason });
      log.info({ reason }, 'file link refused');
    },
    exportRequested(log, exportId) {
      exports.inc({ outcome: 'requested' });
      log.info({ exportId }, 'an export of data was asked for');
    },
    exportEnded(log, exportId, outcome) {
      exports.inc({ outcome });
      log.info({ exportId, outcome }, 'an export of data has ended');
    },
    swept(log, counts) {
      log.info(counts, 'what was left behind is cleaned up');
    },
    processed(log, mediaId) {
      processings.inc({ outcome: 'ok' });
      log.info({ mediaId }, 'media ready');
    },
    failed(log, mediaId, reason) {
      processings.inc({ outcome: outcomeOf(reason) });
      log.info({ mediaId, reason }, 'media failed');
    },
    queue({ active, waiting }) {
      queued.set({ state: 'active' }, active);
      queued.set({ state: 'waiting' }, waiting);
    },
    jobStarted: (waitedMs) => waits.observe(waitedMs / 1000),
    startProcessing() {
      const stop = processing.startTimer();
      const span = activeSpan()?.child('process image');
      return () => {
        stop();
        span?.end();
      };
    },
  };
}
