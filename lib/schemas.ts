import { Type } from '@sinclair/typebox'

/** The answer to generating a token. */
export const scimTokenSchema = Type.Object(
  {
    token: Type.String({
      description: 'The bearer token that the identity provider sends with SCIM requests. It is shown this once; generating another one ends it.',
      examples: ['scim_0000000000000000000000000000000000000000000000000']
    })
  },
  {
    $id: 'scimTokenSchema',
    additionalProperties: false,
    description: 'A newly generated SCIM API token.'
  }
)

function errorSchema (description: string, name: string, message: string) {
  return Type.Object(
    {
      id: Type.Optional(Type.String({
        description: 'Identifies this one error, here and in the log of the server.',
        examples: ['6a1c9a0e-3a55-4b8e-9a39-0a1a6f6c2b0d']
      })),
      name: Type.Optional(Type.String({ description: 'The kind of error.', examples: [name] })),
      message: Type.Optional(Type.String({ description: 'What went wrong and what to do.', examples: [message] }))
    },
    { description }
  )
}

const authenticationRequired = errorSchema(
  'Nobody is logged in, or the credentials are not accepted.',
  'AuthenticationRequired',
  'You must log in: the request had no credentials. Log in at /auth/simple/login.'
)

const noAccess = errorSchema(
  'The caller is known and lacks the permission, or is a browser on another origin.',
  'NoAccessError',
  'You need one of these permissions to do this: ADMIN, UPDATE_AUTH_CONFIGURATION.'
)

const notFound = errorSchema(
  'There are no SCIM settings to attach a token to.',
  'NotFoundError',
  'There are no SCIM settings yet. Set up SCIM first, then generate a token.'
)

/** Operation `generateNewToken`, as Unleash's public OpenAPI document has it. */
export const generateNewTokenSchema = {
  operationId: 'generateNewToken',
  tags: ['Auth'],
  summary: 'Generate a new SCIM API token.',
  description: 'Generates a new SCIM API token and ends every one generated before. The request needs no body.',
  'x-stability-level': 'stable',
  response: {
    200: { description: 'The new token.', $ref: 'scimTokenSchema#' },
    401: authenticationRequired,
    403: noAccess,
    404: notFound
  }
}
