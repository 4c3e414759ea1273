import type { OperationId, SettledOptions } from './options.ts'

// In bytes: no route has a use for more.
const bodyLimit = 1024

/** What all admin routes have in common, and what the host has set for one, as Fastify's route options. */
export function routeOptions (operationId: OperationId, { routeConfig }: SettledOptions) {
  return {
    config: routeConfig[operationId] ?? {},
    bodyLimit,
    // The host's serializers may know other kinds of schema only.
    serializerCompiler: () => JSON.stringify
  }
}
