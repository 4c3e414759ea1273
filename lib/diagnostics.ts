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

const channels = {
  generated: channel('fastify-scim-token:generated'),
  enabled: channel('fastify-scim-token:enabled'),
  disabled: channel('fastify-scim-token:disabled')
}
const rejected = channel('fastify-scim-token:rejected')

const messages = {
  generated: 'SCIM token generated',
  enabled: 'SCIM enabled',
  disabled: 'SCIM disabled'
}

/** Logs a change that the store has confirmed, and publishes it. */
export function reportChange ({ id: requestId, log }: FastifyRequest, event: keyof typeof channels, operation: OperationId): void {
  log.info({ event, operation }, messages[event])
  channels[event].publish({ operation, requestId } satisfies ScimChangeMessage)
}

/** Publishes a rejection. The error handler logs it. */
export function publishRejection (requestId: string, error: { code?: string | number }, statusCode: number): void {
  if (!rejected.hasSubscribers) return
  const { code, causeCode } = toError(error)
  rejected.publish({ code: String(code), causeCode, statusCode, requestId } satisfies ScimRejectionMessage)
}
