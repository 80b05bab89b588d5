export { createRedisCache } from './subgraphs/caching/redis-cache.js';
