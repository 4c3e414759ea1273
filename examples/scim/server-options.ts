import type { FastifyError, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import { sendScimError } from 'fastify-scim-token'
import { notFound } from './errors.ts'

/**
 * Returns the options of a Fastify server that has SCIM routes. No plugin can set them.
 *
 * @param prefix where the SCIM routes are, such as `/scim`
 */
export function scimServerOptions (prefix: string): Pick<FastifyServerOptions, 'routerOptions' | 'frameworkErrors'> {
  return {
    // Entra ID requests /scim/Users/?filter=..., and /scim//Users if its tenant URL ends with a slash.
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    // Errors of the router, for which there is no scope: a malformed URL, an id that is longer than any.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      const path = request.url.replace(/\/+/g, '/')
      if (!path.startsWith(`${prefix}/`)) reply.send(error)
      else sendScimError(error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? notFound('There is no resource with this id.') : error, request, reply)
    }
  }
}
