import assert from "node:assert/strict";
import { blockedKind, parseAddress } from "./addresses.ts";

const blocked: [string, string][] = [
  ["0.0.0.0", "unspecified"],
  ["0.1.2.3", "unspecified"],
  ["10.0.0.1", "private"],
  ["10.255.255.255", "private"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["100.127.255.255", "carrier-grade NAT"],
  ["100.100.100.200", "cloud metadata"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["168.63.129.16", "cloud metadata"],
  ["169.254.1.1", "link-local"],
  ["169.254.169.254", "cloud metadata"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.0.0.192", "cloud metadata"],
  ["192.0.2.1", "documentation"],
  ["192.88.99.1", "6to4 relay"],
  ["192.168.1.1", "private"],
  ["198.18.0.1", "benchmark"],
  ["198.19.255.255", "benchmark"],
  ["198.51.100.7", "documentation"],
  ["203.0.113.7", "documentation"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::ffff:8.8.8.8", "IPv4-mapped"],
  ["::ffff:7f00:1", "IPv4-mapped"],
  ["::ffff:0:127.0.0.1", "IPv4-translated"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["64:ff9b::7f00:1", "NAT64"],
  ["64:ff9b:1::1", "NAT64"],
  ["100::1", "discard"],
  ["2001:0:4136:e378::1", "Teredo"],
  ["2001:2::1", "benchmark"],
  ["2001:db8::1", "documentation"],
  ["2001:10::1", "protocol assignment"],
  ["2002:7f00:1::", "6to4"],
  ["3fff::1", "documentation"],
  ["4000::1", "not public"],
  ["fc00::1", "unique local"],
  ["fd12:3456::1", "unique local"],
  ["fd00:ec2::254", "cloud metadata"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
];

for (const [address, kind] of blocked) {
  Deno.test(`${address} is refused as ${kind}`, () => {
    assert.equal(blockedKind(address), kind);
  });
}

Deno.test("public addresses are let through, right up to the edges of the ranges", () => {
  const open = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "2003::1",
    "2001:4860:4860::8888",
  ];
  for (const address of open) assert.equal(blockedKind(address), undefined, address);
});

Deno.test("what is not an address is refused, in every spelling that others take for one", () => {
  const odd = [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "0x7f.0.0.1",
    "2130706433",
    "1:2",
    "1:::2",
    ":::",
    "::g",
    "12345::",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "::1.2.3.4:5",
  ];
  for (const text of odd) {
    assert.equal(parseAddress(text), undefined, text);
    assert.equal(blockedKind(text), "not an address", text);
  }
});

Deno.test("an IPv6 address is read whole, shortened, and with IPv4 at its end", () => {
  const bytes = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
  assert.deepEqual(parseAddress("2001:0db8:0:0:0:0:0102:0304"), bytes);
  assert.deepEqual(parseAddress("2001:db8::102:304"), bytes);
  assert.deepEqual(parseAddress("2001:DB8::1.2.3.4"), bytes);
});
