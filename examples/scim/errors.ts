import { ScimError } from 'fastify-scim-token'

/** Creates the error of a request that is wrong; `scimType` is one of RFC 7644, table 9. */
export function badRequest (scimType: string, message: string): ScimError {
  return new ScimError({ statusCode: 400, scimType, message })
}

export function notFound (message: string): ScimError {
  return new ScimError({ statusCode: 404, message })
}

/** Creates the error of a name that another resource has. */
export function conflict (message: string, cause?: unknown): ScimError {
  return new ScimError({ statusCode: 409, scimType: 'uniqueness', message, cause })
}

/** Creates the error of a request that is larger than one of the limits. */
export function tooLarge (message: string): ScimError {
  return new ScimError({ statusCode: 413, message })
}

/** Creates the error of a storage that cannot be used now. Providers try again after a 503, where a 404 tells them that a user does not exist. */
export function unavailable (cause: unknown): ScimError {
  return new ScimError({ statusCode: 503, message: 'The server is temporarily unable to read or write resources. Try again later.', headers: { 'retry-after': '5' }, cause })
}
