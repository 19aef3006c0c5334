/**
 * Which addresses a webhook may not go to. Everything that is not a public unicast address is
 * refused, by name where there is one so that the error can say why. Tunnelled and translated
 * forms (IPv4-mapped, NAT64, 6to4, Teredo) are refused whole: each can carry a private address.
 */

/** First match wins, so an exact address stands before the range that holds it. */
const ranges: readonly (readonly [string, string])[] = [
  ["169.254.169.254/32", "cloud metadata"],
  ["169.254.170.2/32", "cloud metadata"],
  ["100.100.100.200/32", "cloud metadata"],
  ["168.63.129.16/32", "cloud metadata"],
  ["192.0.0.192/32", "cloud metadata"],
  ["0.0.0.0/8", "unspecified"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "carrier-grade NAT"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "protocol assignment"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "6to4 relay"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "benchmark"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255/32", "broadcast"],
  ["240.0.0.0/4", "reserved"],

  ["fd00:ec2::254/128", "cloud metadata"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::ffff:0:0/96", "IPv4-mapped"],
  ["::ffff:0:0:0/96", "IPv4-translated"],
  ["::/96", "IPv4-compatible"],
  ["64:ff9b::/96", "NAT64"],
  ["64:ff9b:1::/48", "NAT64"],
  ["100::/64", "discard"],
  ["2001::/32", "Teredo"],
  ["2001:2::/48", "benchmark"],
  ["2001:db8::/32", "documentation"],
  ["2001::/23", "protocol assignment"],
  ["2002::/16", "6to4"],
  ["3fff::/20", "documentation"],
  ["fc00::/7", "unique local"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "site-local"],
  ["ff00::/8", "multicast"],
];

const parsedRanges = ranges.map(([cidr, kind]) => {
  const [base = "", bits = "0"] = cidr.split("/");
  return { bytes: parseAddress(base) ?? [], bits: Number(bits), kind };
});

/** The bytes of an address: 4 or 16 of them, or undefined when it is not an address. */
export function parseAddress(text: string): number[] | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Why an address may not be connected to, or undefined when it may. */
export function blockedKind(address: string): string | undefined {
  const bytes = parseAddress(address);
  if (bytes === undefined) return "not an address";
  for (const range of parsedRanges) {
    if (range.bytes.length === bytes.length && startsWith(bytes, range.bytes, range.bits)) {
      return range.kind;
    }
  }
  if (bytes.length === 16 && !startsWith(bytes, [0x20], 3)) return "not public";
  return undefined;
}

function startsWith(bytes: readonly number[], prefix: readonly number[], bits: number): boolean {
  for (let index = 0; index * 8 < bits; index += 1) {
    const kept = Math.min(8, bits - index * 8);
    const mask = (0xff << (8 - kept)) & 0xff;
    if (((bytes[index] ?? 0) & mask) !== ((prefix[index] ?? 0) & mask)) return false;
  }
  return true;
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes: number[] = [];
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes.push(Number(part));
  }
  return bytes;
}

function parseIpv6(text: string): number[] | undefined {
  const [withoutZone = ""] = text.split("%");
  const halves = withoutZone.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (group.includes(".")) {
      const embedded = index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (embedded === undefined) return undefined;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
