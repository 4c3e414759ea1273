import type { FastifyInstance } from 'fastify'

/** The media type of SCIM bodies. */
export const scimJson = 'application/scim+json'

/** Parses SCIM bodies, and ignores the content type of a request without a body: clients name one on a DELETE. */
export function parseScimJson (app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers }) => {
    const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
    if (isEmpty) delete headers['content-type']
  })
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser([scimJson, 'application/json'], { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
}
