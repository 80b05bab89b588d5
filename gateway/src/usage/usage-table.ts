import { createLeastCounted } from './least-counted.js';
import {
  dayOf,
  OTHERS,
  othersId,
  recordId,
  toFacts,
  type Lost,
  type UsageBounds,
  type UsageCount,
  type UsageRecord,
} from './usage-record.js';

/** Records of usage in memory, bounded. */
export interface UsageTable {
  add(counts: readonly UsageCount[], now: Date): Lost;
  /** Takes over what was recorded before. */
  restore(id: string, record: UsageRecord): void;
  records(): UsageRecord[];
}

/**
 * Creates a table in which the record that was counted least gives way: names that somebody makes up, once each, push out others that
 * were made up, and no client that goes on asking. What gives way goes on to be counted among the operation's other clients.
 */
export function createUsageTable({ maxRecords, retentionMs }: UsageBounds): UsageTable {
  const table = new Map<string, UsageRecord>();
  const order = createLeastCounted();

  function put(id: string, record: UsageRecord): void {
    table.set(id, record);
    order.set(id, record.count);
  }

  function forget(id: string): void {
    table.delete(id);
    order.delete(id);
  }

  function forgetOld(now: Date): void {
    const oldest = dayOf(new Date(now.getTime() - retentionMs));
    for (const [id, { lastSeen }] of table) if (lastSeen < oldest) forget(id);
  }

  function addTo(id: string, count: UsageCount, now: Date): void {
    const known = table.get(id) ?? { ...toFacts(count, now), count: 0 };
    put(id, { ...known, count: known.count + count.count, lastSeen: dayOf(now) });
  }

  function add(count: UsageCount, now: Date): Lost {
    let lost: Lost = NOTHING;
    /** Makes room for what was counted so often. */
    const hasRoom = (isRoomy: (least: number) => boolean): boolean => {
      if (table.size < maxRecords) return true;
      const least = order.find();
      if (!least || !isRoomy(least.count)) return false;
      const { id, count } = least;
      forget(id);
      const others = table.get(othersId(id));
      if (others) put(othersId(id), { ...others, count: others.count + count });
      lost = plus(lost, others ? { unnamed: count, dropped: 0 } : { unnamed: 0, dropped: count });
      return true;
    };
    const id = recordId(count);
    if (table.has(id) || hasRoom((least) => least < count.count)) {
      addTo(id, count, now);
      return lost;
    }
    const others = { ...count, client: OTHERS, version: null };
    if (!table.has(othersId(id)) && !hasRoom((least) => least <= count.count))
      return plus(lost, { unnamed: 0, dropped: count.count });
    addTo(othersId(id), others, now);
    return plus(lost, { unnamed: count.count, dropped: 0 });
  }

  return {
    add(counts, now) {
      forgetOld(now);
      return counts.map((count) => add(count, now)).reduce(plus, NOTHING);
    },
    restore(id, record) {
      if (table.size < maxRecords || table.has(id)) put(id, merge(table.get(id), record));
    },
    records: () => [...table.values()],
  };
}

export const NOTHING: Lost = { unnamed: 0, dropped: 0 };

export function plus(one: Lost, other: Lost): Lost {
  return { unnamed: one.unnamed + other.unnamed, dropped: one.dropped + other.dropped };
}

function merge(one: UsageRecord | undefined, other: UsageRecord): UsageRecord {
  if (!one) return other;
  return {
    ...one,
    count: one.count + other.count,
    firstSeen: one.firstSeen < other.firstSeen ? one.firstSeen : other.firstSeen,
    lastSeen: one.lastSeen > other.lastSeen ? one.lastSeen : other.lastSeen,
  };
}
