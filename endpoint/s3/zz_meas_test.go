package s3
import ("testing";"io";"vpcsim/endpoint";"time")
func TestZZ(t *testing.T){
 s:=newService(t,Config{Buckets:[]Bucket{{Name:"data",Objects:[]Object{{Key:"p",Size:200<<20},{Key:"c",Content:make([]byte,200<<20)}}}}})
 e:=serve(t,s,endpoint.Origin{})
 for i:=0;i<3;i++{ for _,k:=range []string{"p","c"}{ st:=time.Now(); r,_:=e.client.Get("http://data.s3.amazonaws.com/"+k); n,_:=io.Copy(io.Discard,r.Body); d:=time.Since(st); t.Logf("%s %.2f GB/s",k,float64(n)/d.Seconds()/1e9)}}
}
