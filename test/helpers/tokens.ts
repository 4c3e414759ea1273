import { crc32 } from 'node:zlib'

export const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Appends the checksum: CRC-32 in six digits of base62. */
export function withChecksum (body: string): string {
  const sum = BigInt(crc32(body))
  const digits = [5n, 4n, 3n, 2n, 1n, 0n].map((place) => alphabet[Number(sum / 62n ** place % 62n)])
  return body + digits.join('')
}

/**
 * Returns a well-formed token that shares exactly the first `shared` characters with the valid one.
 *
 * @param shared 5 to 47: all tokens share the prefix, and 48 shared characters make the same token
 */
export function wrongToken (valid: string, shared: number): string {
  const body = [...valid.slice(0, 48)].map((character, i) => i < shared ? character : nextCharacter(character))
  return withChecksum(body.join(''))
}

/** Returns the next character of the alphabet; after the last one, the first. */
export function nextCharacter (character: string): string {
  return alphabet.charAt((alphabet.indexOf(character) + 1) % alphabet.length)
}
