package frame

// korean has one line a reason, in the order of the table of reasons: the
// sentence, and the remedy where there is one. Symbols and the names of protocols
// stay as they are in the field.
var korean = [Reasons]struct{ sentence, remedy string }{
	Accepted: {"프레임이 다음 단계로 넘어갔습니다.", ""},
	Consumed: {"스위치 자신의 서비스가 프레임을 받았습니다.", ""},

	DropReadError: {"포트에서 프레임을 읽지 못했습니다.", "시스템이 알려 준 오류는 스위치의 로그에 있습니다"},
	DropOversize:  {"프레임이 64 KiB 슈퍼 프레임보다 깁니다.", ""},
	DropVnet:      {"virtio 헤더가 뒤따르는 프레임과 맞지 않습니다.", ""},

	DropRunt:      {"프레임이 이더넷 헤더보다 짧습니다.", ""},
	DropTags:      {"VLAN 태그가 두 개보다 많거나, 태그 뒤에 EtherType이 없습니다.", ""},
	DropIPv4:      {"IPv4 헤더의 버전이나 길이가 잘못되었습니다.", ""},
	DropIPv6:      {"IPv6 헤더의 버전이나 길이, 또는 확장 헤더가 잘못되었습니다.", ""},
	DropARP:       {"ARP 메시지가 잘렸거나, 이더넷과 IPv4용이 아닙니다.", ""},
	DropTransport: {"TCP, UDP 또는 ICMP 헤더가 패킷에 맞지 않습니다.", ""},

	DropNoPort:       {"스위치에 없는 포트로 프레임이 들어왔습니다.", ""},
	DropBlocked:      {"포트가 관리자에 의해 내려져 있습니다.", "포트를 다시 올리세요"},
	DropSourceGroup:  {"출발지 주소가 멀티캐스트 주소입니다. 이런 주소를 가진 장치는 없습니다.", ""},
	DropSourceZero:   {"출발지 주소가 모두 0입니다.", ""},
	DropLinkLocal:    {"목적지가 01:80:c2:00:00:0x입니다. 브리지는 이 주소를 전달하지 않습니다.", ""},
	DropVLANTagged:   {"액세스 포트로 태그가 붙은 프레임이 들어왔습니다.", "포트를 트렁크로 바꾸세요"},
	DropVLANUntagged: {"네이티브 VLAN이 없는 트렁크로 태그 없는 프레임이 들어왔습니다.", "트렁크에 네이티브 VLAN을 지정하세요"},
	DropVLANForeign:  {"프레임의 VLAN이 이 트렁크에 허용되어 있지 않습니다.", "트렁크에 그 VLAN을 추가하세요"},
	DropSpoofMAC:     {"출발지 MAC 주소가 이 포트의 주소가 아닙니다.", "포트에 그 주소를 허용하거나, 그 포트의 위조 방지를 끄세요"},
	DropSpoofIP:      {"출발지 IP 주소가 이 포트의 주소가 아닙니다.", "포트에 그 주소를 추가하거나, 그 포트의 위조 방지를 끄세요"},
	DropSpoofARP:     {"ARP 또는 이웃 탐색 메시지가 이 포트의 것이 아닌 주소를 주장합니다.", "포트에 그 주소를 추가하거나, 그 포트의 위조 방지를 끄세요"},
	DropRogueDHCP:    {"포트가 DHCP 응답이나 라우터 광고를 보냈습니다. 이것은 네트워크의 게이트웨이만 할 수 있습니다.", "그 포트의 위조 방지를 끄세요"},
	DropStorm:        {"포트가 스톰 제한보다 많은 프레임을 모든 포트로 퍼뜨리려 했습니다.", "포트의 스톰 제한을 높이세요"},

	DropSamePort: {"목적지가 프레임이 들어온 바로 그 포트 뒤에 있습니다.", ""},
	DropIsolated: {"두 포트가 서로 격리되어 있습니다.", ""},
	DropNoEgress: {"프레임을 내보낼 다른 포트가 없습니다.", ""},

	DropGatewayHeader:   {"게이트웨이로 온 패킷의 헤더가 체크섬이 틀렸거나, 게이트웨이가 받지 않는 옵션을 담고 있습니다.", ""},
	DropGatewaySource:   {"게이트웨이가 응답할 수 없는 출발지 주소입니다.", ""},
	DropGatewayIsolated: {"목적지가 다른 네트워크에 있습니다. 네트워크들은 서로 격리되어 있습니다.", "두 컨테이너를 한 네트워크에 연결하세요:  vswitch network connect"},
	DropGatewayInternal: {"내부(internal) 네트워크입니다. 밖으로 나가는 길이 없습니다.", "--internal 없이 만든 네트워크를 쓰세요"},
	DropGatewayICC:      {"enable_icc=false인 네트워크입니다. 컨테이너끼리 통신할 수 없습니다.", "enable_icc=true인 네트워크를 쓰세요"},
	DropNoRoute:         {"게이트웨이에 목적지로 가는 경로가 없습니다.", ""},
	DropTTL:             {"패킷의 TTL이 게이트웨이에서 끝났습니다.", ""},
	DropTooBig:          {"패킷이 다음 네트워크의 MTU보다 크고, 나누는 것도 금지되어 있습니다.", "두 네트워크에 같은 MTU를 쓰세요"},
	DropNoService:       {"게이트웨이에는 그 포트나 프로토콜을 받는 서비스가 없습니다.", ""},
	DropServiceBusy:     {"게이트웨이의 서비스에 기다리는 요청이 너무 많습니다.", ""},
	DropServiceLimit:    {"포트가 게이트웨이의 서비스에 제 몫보다 많은 요청을 보냈습니다.", ""},
	DropServiceMessage:  {"게이트웨이의 서비스로 온 요청의 형식이 잘못되었습니다.", ""},
	DropNeighbour:       {"게이트웨이는 목적지가 이 네트워크의 어디에 있는지 모릅니다.", ""},

	DropUplinkProtocol:    {"밖으로 나가는 길이 이 사용자에게는 이 프로토콜을 나르지 못합니다.", "무엇을 나를 수 있는지 보세요:  vswitch doctor"},
	DropUplinkLoopback:    {"호스트의 루프백 서비스로 가는 패킷입니다. 컨테이너에는 닫혀 있습니다.", "허용하려면:  vswitch network create --allow-host-loopback"},
	DropUplinkUnreachable: {"호스트가 목적지로 가는 길을 찾지 못했거나, 길이 없다는 답을 받았습니다.", ""},
	DropUplinkSockets:     {"새 연결에 쓸 소켓, 디스크립터 또는 포트가 호스트에 더 없습니다.", "열 수 있는 파일 수(ulimit -n)를 늘리고 스위치를 다시 시작하세요"},
	DropUplinkLimit:       {"컨테이너 하나가, 또는 스위치 전체가 가질 수 있는 연결 수에 이르렀습니다.", "연결을 보세요:  vswitch conntrack ls"},
	DropUplinkBusy:        {"호스트의 소켓에 데이터그램을 넣을 자리가 없었습니다.", ""},
	DropNoFlow:            {"밖으로 나가는 길이 아는 어떤 연결에도 속하지 않는 패킷입니다.", ""},
	DropTCPWindow:         {"TCP 세그먼트가 그 연결의 상태나 윈도우에 맞지 않습니다.", ""},
	DropNATFiltered:       {"안쪽에서 그곳의 패킷을 기다리는 이가 없고, NAT의 필터링이 들여보내지 않습니다.", "포트를 공개하세요:  vswitch port publish"},
	DropNATPorts:          {"NAT에 새 매핑에 쓸 빈 포트가 없습니다.", "매핑을 보세요:  vswitch nat ls"},
	DropNATLimit:          {"NAT의 표가 가득 찼거나, 출발지 하나가 가질 수 있는 플로 수에 이르렀습니다.", "플로를 보세요:  vswitch conntrack ls"},
	DropNATFragment:       {"조각이 다른 조각과 겹치거나, 포트 번호가 든 첫 조각이 제때 오지 않았습니다.", ""},
	DropNATForged:         {"ICMP 오류가 어떤 플로도 보낸 적 없는 패킷을 인용합니다.", ""},

	DropPortGone:    {"프레임이 가는 동안 나갈 포트가 없어졌습니다.", ""},
	DropPortDown:    {"나갈 포트의 장치가 내려져 있습니다.", "컨테이너의 인터페이스를 올리세요"},
	DropPortFull:    {"나갈 포트의 큐가 가득 찼습니다.", ""},
	DropPortRefused: {"나갈 포트의 장치가 잘못된 프레임이라며 받지 않았습니다.", ""},
	DropMTU:         {"프레임이 나갈 포트의 MTU보다 크고 나눌 수도 없습니다.", "네트워크의 모든 포트에 같은 MTU를 쓰세요"},
	DropWriteError:  {"나갈 포트에 프레임을 쓰지 못했습니다.", "시스템이 알려 준 오류는 스위치의 로그에 있습니다"},
}

// Korean returns the sentence and the remedy in Korean.
func (r Reason) Korean() (sentence, remedy string) {
	if r < Reasons {
		return korean[r].sentence, korean[r].remedy
	}
	return "이 프로그램이 모르는 이유입니다.", ""
}
