import { crc32 } from 'node:zlib'

export const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The token with these characters before its checksum: CRC-32 in six digits of base62. */
export function withChecksum (body: string): string {
  const sum = BigInt(crc32(body))
  const digits = [5n, 4n, 3n, 2n, 1n, 0n].map((place) => alphabet[Number(sum / 62n ** place % 62n)])
  return body + digits.join('')
}

/**
 * A token of the right format and checksum that has exactly the first `shared` characters of
 * another: 5 to 47, because all tokens have the first five in common, and 48 make the same token.
 */
export function wrongToken (right: string, shared: number): string {
  const body = [...right.slice(0, 48)].map((character, i) => i < shared ? character : next(character))
  return withChecksum(body.join(''))
}

/** Another character of the alphabet. */
export function next (character: string): string {
  return alphabet.charAt((alphabet.indexOf(character) + 1) % alphabet.length)
}
