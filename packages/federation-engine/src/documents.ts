/*
 * Documents within limits, what is a condition in them, and what operations may cost, for hosts that serve them by another engine.
 */
export { createCostModel, type CostModel } from './compile/cost/cost-model.js';
export { prepareCostEstimate, type CostEstimate } from './compile/cost/estimate-cost.js';
export type { DocumentLimits, LimitReason } from './compile/document/limits.js';
export { fragmentsOf } from './compile/document/measure-document.js';
export { readDocument } from './compile/document/read-document.js';
export { isCondition } from './request/selection-conditions.js';
export { Refusal } from './request/refusal.js';
export type { CostDirectives, ListSize } from './supergraph/planner/cost-directives.js';
