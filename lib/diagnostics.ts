import { channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import type { OperationId } from './options.ts'
import { toError } from './thrown.ts'

/** What the channels `fastify-scim-token:generated`, `:enabled` and `:disabled` publish once the store has confirmed the change. */
export interface ScimChangeMessage {
  /** The operation that made the change. */
  operation: OperationId
  /** Fastify's id of the request, as `reqId` in the log. */
  requestId: string
}

/** What the channel `fastify-scim-token:rejected` publishes for a request that `verifyScimToken` or an admin route rejects. */
export interface ScimRejectionMessage {
  /** The code of the error, as `err.code` in the log. */
  code: string
  /** The code of its innermost cause that has one, such as a SQLSTATE, as `err.causeCode` in the log. */
  causeCode: string | number | undefined
  /** Status of the response. */
  statusCode: number
  /** Fastify's id of the request, as `reqId` in the log. */
  requestId: string
}

const changes = {
  generated: { channel: channel('fastify-scim-token:generated'), message: 'SCIM token generated' },
  enabled: { channel: channel('fastify-scim-token:enabled'), message: 'SCIM enabled' },
  disabled: { channel: channel('fastify-scim-token:disabled'), message: 'SCIM disabled' }
}
const rejected = channel('fastify-scim-token:rejected')

/** Logs a change that the store has confirmed, and publishes it. */
export function reportChange ({ id: requestId, log }: FastifyRequest, event: keyof typeof changes, operation: OperationId): void {
  const { channel, message } = changes[event]
  log.info({ event, operation }, message)
  channel.publish({ operation, requestId } satisfies ScimChangeMessage)
}

/** Publishes a rejection. The error handler logs it. */
export function publishRejection (requestId: string, error: { code?: string | number }, statusCode: number): void {
  if (!rejected.hasSubscribers) return
  const { code, causeCode } = toError(error)
  rejected.publish({ code: String(code), causeCode, statusCode, requestId } satisfies ScimRejectionMessage)
}
