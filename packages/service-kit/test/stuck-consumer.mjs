// A process of the group `media` that takes events and never ends with one; it prints how many it has. Its argument is the project.
import { createLog } from '../dist/log.js';
import { createPubSubEventBus } from '../dist/events/pubsub-event-bus.js';

const log = createLog({ service: 'stuck', level: 'silent' });
const bus = createPubSubEventBus({ projectId: process.argv[2], log });
let count = 0;
await bus.subscribe({
  group: 'media',
  topics: ['task-events'],
  lifetime: 'durable',
  handle() {
    count += 1;
    process.stdout.write(`${count}\n`);
    return new Promise(() => undefined);
  },
});
