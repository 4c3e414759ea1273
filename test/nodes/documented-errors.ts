import { isDeepStrictEqual } from 'node:util'
import { uuid } from '../helpers/uuid.ts'
import type { HttpResponse } from './http.ts'

/** Whether a 503 of an admin route has the documented shape. */
export function isApiError ({ headers, body }: HttpResponse): boolean {
  const error = parse(body)
  const { id, message } = error
  return headers['content-type'] === 'application/json; charset=utf-8' && uuid.test(String(id)) &&
    isDeepStrictEqual(error, { id, name: 'ServiceUnavailableError', message, details: [{ message }] })
}

/** Whether an error of an admin route says that the write may have been stored. */
export function saysUnconfirmed ({ body }: HttpResponse): boolean {
  return String(parse(body)['message']).includes('may or may not have been stored')
}

/** Whether a 503 of a SCIM route has the documented shape. */
export function isScimError ({ headers, body }: HttpResponse): boolean {
  const error = parse(body)
  const { detail } = error
  return headers['content-type'] === 'application/scim+json; charset=utf-8' && Number(headers['retry-after']) > 0 && typeof detail === 'string' &&
    isDeepStrictEqual(error, { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '503', detail })
}

/** Whether this is Fastify's own response while a host is stopping: it comes before any plugin. */
export function isStopping ({ body }: HttpResponse): boolean {
  return isDeepStrictEqual(parse(body), { error: 'Service Unavailable', message: 'Service Unavailable', statusCode: 503 })
}

function parse (body: string): Record<string, unknown> {
  try {
    return JSON.parse(body)
  } catch {
    return {}
  }
}
