import type { OperationId, ResolvedOptions } from '../options.ts'
import { sendApiError } from './send-api-error.ts'

/** The largest body that is accepted, in bytes: `{"enabled": false}` has 18. */
export const bodyLimit = 1024

/** Returns Fastify's route options that all admin routes share, and the host's `config` of this one. */
export function adminRouteOptions (operationId: OperationId, { routeConfig }: ResolvedOptions) {
  return {
    // A copy, because plugins of the host may add to it.
    config: { ...routeConfig[operationId] },
    bodyLimit,
    // A second time, for what fails after the error handler of the scope was called.
    errorHandler: sendApiError,
    // A serializer compiler of the host may not support JSON schemas.
    serializerCompiler: () => JSON.stringify
  }
}
